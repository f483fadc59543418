// A program of test/ that searches for faults: compiled with the library, once, and run in a process of its own.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './native-build.mjs';
import { once } from './steps.mjs';

/**
 * @param name of its step. @param folder of its main.ts and tsconfig.json. @param data further folders that it reads.
 * Its arguments are those of this process, and its exit status becomes that of this process.
 */
export function runExplorer(name, folder, data = []) {
  const product = `node_modules/.cache/dmremap/${name}-explorer`;
  const out = join(root, product);
  const main = `${folder}/main.js`;
  once(name, {
    inputs: [
      'lib',
      folder,
      'test/support',
      ...data,
      'tsconfig.json',
      'package-lock.json',
      'scripts/lib/explorer.mjs',
    ],
    product: `${product}/${main}`,
    work: () => {
      rmSync(out, { recursive: true, force: true });
      const compile = ['node_modules/typescript/bin/tsc', '-p', `${folder}/tsconfig.json`, '--outDir', out];
      const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: ['ignore', 2, 2] });
      if (status !== 0) process.exit(1);
      for (const path of [...data, 'package.json'])
        cpSync(join(root, path), join(out, path), { recursive: true });
    },
  });
  const { status } = spawnSync(process.execPath, [join(out, main), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
}
