// Branch coverage of lib/format and lib/store. A branch that no test takes has its reason in docs/coverage.md, beside the
// line of code; one without a reason, or a reason without such a branch, fails.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from './lib/native-build.mjs';

const folder = mkdtempSync(join(tmpdir(), 'dmremap-coverage-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const flags = [
  '--coverage.enabled',
  '--coverage.provider=v8',
  '--coverage.include=lib/format/**',
  '--coverage.include=lib/store/**',
  '--coverage.reporter=json',
  `--coverage.reportsDirectory=${folder}`,
];
// Not the crash explorer: what it takes only by its millions of states should have a test of its own.
const tests = ['test/format', 'test/store', 'test/recovery', 'test/cli'];
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...flags, ...tests];
const { status } = spawnSync(process.execPath, vitest, { cwd: root, stdio: ['ignore', 2, 2] });

/** "file: line of code" of every branch that was not taken, and how many branches there are. */
function branches() {
  const files = Object.entries(JSON.parse(readFileSync(join(folder, 'coverage-final.json'), 'utf8')));
  const missed = [];
  let all = 0;
  for (const [path, { branchMap, b }] of files) {
    const lines = readFileSync(path, 'utf8').split('\n');
    for (const [id, { loc, locations }] of Object.entries(branchMap)) {
      b[id].forEach((times, at) => {
        all++;
        const line = locations[at]?.start.line ?? loc.start.line;
        if (times === 0) missed.push(`${relative(root, path)}: ${lines[line - 1].trim()}`);
      });
    }
  }
  return { all, missed };
}

const { all, missed } = status === 0 ? branches() : { all: 0, missed: [] };
const reasons = [...readFileSync(join(root, 'docs/coverage.md'), 'utf8').matchAll(/^- `+ ?(.*?) ?`+$/gm)].map(
  ([, code]) => code,
);
const unexplained = missed.filter((branch) => !reasons.includes(branch));
const stale = reasons.filter((reason) => !missed.includes(reason));
for (const branch of unexplained) console.log(`  no test takes it, and no reason is given: ${branch}`);
for (const reason of stale) console.log(`  a reason for what is not there, or is covered now: ${reason}`);
const fine = status === 0 && unexplained.length === 0 && stale.length === 0;
const taken = `${all - missed.length} of ${all} branches taken, ${missed.length - unexplained.length} have a reason`;
console.log(`coverage: ${taken}${fine ? '' : `, NOT AS IT SHOULD BE`}`);
process.exitCode = fine ? 0 : 1;
