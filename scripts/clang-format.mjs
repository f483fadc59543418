// clang-format over native/ and the tests' helpers: --check fails on a difference, --write mends it.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';

const files = ['native', 'test/stuck/native', 'bench/native'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => /\.(cc|h|c)$/.test(name))
    .map((name) => join(folder, name)),
);
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
const { status } = spawnSync('clang-format', [...mode, ...files], { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
