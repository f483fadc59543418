// Programs in C, one compiler call each.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './native-build.mjs';

const flags = ['-std=gnu11', '-O2', '-g', '-Wall', '-Wextra', '-Werror', '-D_FILE_OFFSET_BITS=64'];

/**
 * Compiles each into `folder`.
 * @param programs by name: `parts`, its files in `sources`, and `libraries`. Folders are relative to the root.
 * @returns the exit status.
 */
export function compilePrograms(programs, sources, folder) {
  mkdirSync(join(root, folder), { recursive: true });
  for (const [name, { parts, libraries }] of Object.entries(programs)) {
    const files = parts.map((part) => join(sources, part));
    const words = [...flags, ...files, '-o', join(folder, name), ...libraries];
    const { status } = spawnSync('gcc', words, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}
