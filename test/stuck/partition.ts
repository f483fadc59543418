// A partition of a device that hangs on command, for as long as the test wants it.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Partition extends AsyncDisposable {
  readonly path: string;
}

/** The second MiB of the disk. The node is made in `folder`: nobody else makes one here. */
export async function partitionOf(disk: { readonly path: string }, folder: string): Promise<Partition> {
  await run('addpart', [disk.path, '1', '2048', '2048']);
  const name = basename(disk.path);
  const path = join(folder, `${name}p1`);
  try {
    const [major = '', minor = ''] = readFileSync(`/sys/block/${name}/${name}p1/dev`, 'utf8')
      .trim()
      .split(':');
    rmSync(path, { force: true });
    await run('mknod', [path, 'b', major, minor]);
  } catch (error) {
    await run('delpart', [disk.path, '1']);
    throw error;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      await run('delpart', [disk.path, '1']);
      rmSync(path, { force: true });
    },
  };
}
