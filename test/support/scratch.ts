// Folders and loop devices for tests. Everything goes when the process does, also when it is killed: a loop device is
// set to detach with its last close, and the only thing that keeps it is a descriptor of this process.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** A folder on a file system with O_DIRECT, removed after the tests of the file. `preferred` is tried first. */
export function scratchFolder(...preferred: readonly string[]): string {
  const folder = firstWithDirect([
    ...preferred.filter((folder) => existsSync(folder)),
    tmpdir(),
    join(root, 'build'),
  ]);
  if (folder === undefined) throw new Error('no folder with O_DIRECT');
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function firstWithDirect([parent, ...others]: readonly string[]): string | undefined {
  if (parent === undefined) return undefined;
  const folder = mkdtempSync(join(parent, 'dmremap-'));
  return hasDirect(folder) ? folder : firstWithDirect(others);
}

function hasDirect(folder: string): boolean {
  const probe = join(folder, 'probe');
  writeFileSync(probe, '');
  try {
    closeSync(openSync(probe, constants.O_RDWR | constants.O_DIRECT));
    rmSync(probe);
    return true;
  } catch {
    rmSync(folder, { recursive: true });
    return false;
  }
}

/** A file of zeros. Returns its path. */
export function zeroFile(path: string, bytes: number): string {
  writeFileSync(path, new Uint8Array(bytes));
  return path;
}

export interface LoopDevice {
  readonly path: string;
  detach(): void;
}

/** Why there can be no loop device here; undefined where there can be. CI must not skip, so there it throws. */
export function whyNoLoop(): string | undefined {
  const reason = process.getuid?.() === 0 ? undefined : 'a loop device needs root';
  if (reason !== undefined && process.env.CI) throw new Error(reason);
  return reason;
}

/** A real block device over a file. `options` as in losetup(8). */
export function loopDevice(file: string, options: readonly string[] = []): LoopDevice {
  const path = execFileSync('losetup', ['--find', '--show', ...options, file], { encoding: 'utf8' }).trim();
  const descriptor = openSync(path, 'r');
  // Busy, so this only marks it: it detaches itself with the last close, whoever closes last (losetup(8)).
  execFileSync('losetup', ['--detach', path]);
  return { path, detach: () => closeSync(descriptor) };
}
