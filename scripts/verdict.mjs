// Runs some of the tests, and ends with a line that says how it was. argv: the name of the script, the test files.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';

const [name, ...files] = process.argv.slice(2);
const report = join(tmpdir(), `dmremap-${name}-${process.pid}.json`);
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...files];
const { status } = spawnSync(process.execPath, vitest, { cwd: root, stdio: 'inherit' });
let skipped = 0;
try {
  skipped = JSON.parse(readFileSync(report, 'utf8')).numPendingTests;
  rmSync(report);
} catch {
  // It ended before it could report: its status says so.
}
if (status !== 0) console.log(`${name}: FAILED`);
else if (skipped > 0)
  console.log(`${name}: ONLY IN PART: ${skipped} of the tests cannot run here, see above why`);
else console.log(`${name}: every promise is kept`);
process.exitCode = status === 0 && skipped === 0 ? 0 : 1;
