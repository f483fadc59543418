// The crash explorer, compiled, in a process of its own: `npm run crash -- --help` says what it can do.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';
import { once } from './lib/steps.mjs';

const folder = join(root, 'node_modules/.cache/dmremap/crash-explorer');
once('crash', {
  inputs: [
    'lib',
    'test/crash',
    'test/support',
    'test/golden',
    'tsconfig.json',
    'package-lock.json',
    'scripts/crash.mjs',
  ],
  product: 'node_modules/.cache/dmremap/crash-explorer/test/crash/main.js',
  work: () => {
    rmSync(folder, { recursive: true, force: true });
    const compile = ['node_modules/typescript/bin/tsc', '-p', 'test/crash/tsconfig.json', '--outDir', folder];
    const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status !== 0) process.exit(1);
    cpSync(join(root, 'test/golden'), join(folder, 'test/golden'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  },
});
const { status } = spawnSync(
  process.execPath,
  [join(folder, 'test/crash/main.js'), ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 1;
