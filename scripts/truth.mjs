// What this kernel does to a write that is cancelled, and to a process that leaves while one is stuck: `npm run truth`. Compiles
// test/truth and runs it in this process, so that what ends this process ends everything. See docs/kernel-facts.md.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './lib/native-build.mjs';
import { once } from './lib/steps.mjs';
import { stuckFolder } from './lib/stuck-build.mjs';

const folder = join(root, 'node_modules/.cache/dmremap/truth-tables');
const main = 'test/truth/main.js';
once('truth', {
  inputs: ['test/truth', 'test/stuck', 'tsconfig.json', 'package-lock.json', 'scripts/truth.mjs'],
  product: `node_modules/.cache/dmremap/truth-tables/${main}`,
  work: () => {
    rmSync(folder, { recursive: true, force: true });
    const compile = ['node_modules/typescript/bin/tsc', '-p', 'test/truth/tsconfig.json', '--outDir', folder];
    const { status } = spawnSync(process.execPath, compile, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status !== 0) process.exit(1);
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  },
});
process.env.DMREMAP_STUCK ??= join(root, stuckFolder);
const program = await import(pathToFileURL(join(folder, main)).href);
// Not exitCode: a process that the kernel never lets go would keep this one.
process.exit(await program.main(process.argv.slice(2)));
