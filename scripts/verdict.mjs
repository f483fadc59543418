// Runs some of the tests, and ends with a line that says how it was. argv: the name of the script, the test files.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';

const [name, ...files] = process.argv.slice(2);
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...files];
const { status } = spawnSync(process.execPath, vitest, { cwd: root, stdio: 'inherit' });
console.log(status === 0 ? `${name}: every promise is kept` : `${name}: FAILED`);
process.exitCode = status ?? 1;
