// Adds up what .ci/run has run, and prints it as the last line. Each of the linters, a test run that failed outside of any
// test, one without a test, and a test that was skipped counts as a check.
// argv: the folder of the reports, NAME=STATUS of each run; `lint` has no report.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

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
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = reportOf(name);
  const skipped = numPendingTests + numTodoTests;
  if (skipped > 0) console.log(`${name}: ${skipped} tests were skipped: here nothing may be`);
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
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  }
}
