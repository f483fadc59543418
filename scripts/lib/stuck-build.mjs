// The helpers that make devices hang for the tests: what they are made from, and how.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './native-build.mjs';

const sources = 'test/stuck/native';
// Beside the packages, as the stamps are: node-gyp empties `build`.
export const stuckFolder = 'node_modules/.cache/dmremap/stuck-devices';

const flags = ['-std=gnu11', '-O2', '-g', '-Wall', '-Wextra', '-Werror', '-D_FILE_OFFSET_BITS=64'];
const programs = {
  stuckfs: {
    parts: ['stuckfs.c', 'stuckfs_ops.c', 'stuckfs_commands.c', 'lifeline.c', 'second.c'],
    libraries: ['-I/usr/include/fuse3', '-lfuse3', '-pthread'],
  },
  stuck_loop: { parts: ['stuck_loop.c', 'lifeline.c', 'second.c'], libraries: [] },
  stuck_freeze: { parts: ['stuck_freeze.c', 'lifeline.c', 'second.c'], libraries: [] },
  cancel_probe: { parts: ['cancel_probe.c', 'unresolved_page.c', 'lifeline.c'], libraries: ['-luring'] },
  leave_probe: { parts: ['leave_probe.c', 'lifeline.c'], libraries: ['-luring', '-pthread'] },
  uring_write: { parts: ['uring_write.c', 'unresolved_page.c', 'lifeline.c'], libraries: ['-luring'] },
};

export const hasLibfuse = () => existsSync('/usr/include/fuse3/fuse_lowlevel.h');

/** Compiles every helper. Returns the exit status. */
export function buildStuck() {
  mkdirSync(join(root, stuckFolder), { recursive: true });
  for (const [name, { parts, libraries }] of Object.entries(programs)) {
    const files = parts.map((part) => join(sources, part));
    const arguments_ = [...flags, ...files, '-o', join(stuckFolder, name), ...libraries];
    const { status } = spawnSync('gcc', arguments_, { cwd: root, stdio: ['ignore', 2, 2] });
    if (status !== 0) return status ?? 1;
  }
  return 0;
}
