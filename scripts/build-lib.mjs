// npm run build:lib: the library, a module a file as tsc writes them, and the command, bundled. Node takes most of the
// start of a small program to find and compile its modules (docs/decisions/command-line.md).
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './lib/native-build.mjs';

rmSync(join(root, 'dist'), { recursive: true, force: true });
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(1);

// commander starts executables as subcommands. We have none, and loading it takes a twentieth of a start.
const noChildren = {
  name: 'no-children',
  resolveId: (source, importer) =>
    source === 'node:child_process' && importer?.includes('/node_modules/commander/') ? '\0none' : undefined,
  load: (id) => (id === '\0none' ? 'export {};' : undefined),
};

const bundle = await rolldown({
  input: join(root, 'lib/cli/main.ts'),
  platform: 'node',
  transform: { target: 'node20' },
  plugins: [noChildren],
});
// No folders below this one: native.ts and run.ts find the package two folders above themselves.
const dir = join(root, 'dist/cli');
await bundle.write({
  dir,
  format: 'cjs',
  sourcemap: true,
  minify: true,
  // What two commands share is one file, because a file costs more than what of it is not used.
  codeSplitting: { groups: [{ name: 'common', minShareCount: 2 }] },
  chunkFileNames: '[name].js',
});
await bundle.close();
writeFileSync(join(dir, 'package.json'), '{ "type": "commonjs" }\n');
