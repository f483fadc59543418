// The helpers that make devices hang for the tests: what they are made from, and how.
import { existsSync } from 'node:fs';
import { compilePrograms } from './c-build.mjs';

const sources = 'test/stuck/native';
// Beside the packages, as the stamps are: node-gyp empties `build`.
export const stuckFolder = 'node_modules/.cache/dmremap/stuck-devices';

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
export const buildStuck = () => compilePrograms(programs, sources, stuckFolder);
