// Names what failed, adds up what .ci/run has run, and prints the sum as the last line. Each of the linters, a test run that failed outside of any
// test, one without a test, and a test that was skipped counts as a check.
// argv: the folder of the reports, NAME=STATUS of each run; `lint` has no report.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [folder, ...outcomes] = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const [name, status] of outcomes.map((outcome) => outcome.split('='))) {
  const ended = status === '0';
  if (name === 'lint') {
    if (ended) passed++;
    else failed++;
    continue;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = reportOf(name);
  for (const failure of testResults.flatMap(failuresIn)) console.log(`${name}: ${failure}`);
  for (const test of testResults.flatMap(skippedIn))
    console.log(`${name}: skipped, and here nothing may be: ${test}`);
  const skipped = numPendingTests + numTodoTests;
  passed += numPassedTests;
  failed += numFailedTests + skipped;
  if (numPassedTests === 0 || (!ended && numFailedTests === 0)) failed++;
}
if (outcomes.length < 3) failed++; // No engine but one.
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function reportOf(name) {
  try {
    return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  } catch {
    console.log(`${name}: the test run left no report`);
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}

function skippedIn({ name, assertionResults }) {
  return assertionResults
    .filter((test) => test.status !== 'passed' && test.status !== 'failed')
    .map((test) => `${relative('.', name)}: ${test.fullName}`);
}

// A file can fail without a test of it.
function failuresIn({ name, status, message, assertionResults }) {
  const tests = assertionResults
    .filter((test) => test.status === 'failed')
    .map((test) => [test.fullName, test.failureMessages.join('\n')]);
  if (tests.length === 0 && status === 'failed') tests.push(['the file itself', message]);
  const lines = (text) => text.split('\n', 12).map((line) => `\n    ${line}`);
  return tests.map(([test, why]) => `${relative('.', name)}: ${test}${lines(why).join('')}`);
}
