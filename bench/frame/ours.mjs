// Room: bench. What may be overwritten: what is empty, and what an earlier run has left. It bears a mark in its first block, and holds
// what the benchmarks write and nothing else: whoever has used the place since has written something else there.
import { open } from 'node:fs/promises';

export const blockBytes = 4096;
/** What every benchmark writes. */
export const fill = 0xa5;
const chunkBytes = 128 * 1024;

/** The first block of what may be overwritten. */
export const marked = Buffer.alloc(blockBytes, fill);
marked.write('dmremap bench: from here on 64 MiB may be overwritten\n');

/**
 * @param size of the whole. @param used so many bytes from its beginning are to be overwritten.
 * @throws Error where that could be somebody's. In what bears no mark the end must be empty too: there is the second copy of a
 *   partition table.
 */
export async function refuseData(path, size, used) {
  const file = await open(path, 'r');
  try {
    const isMarked = (await bytesAt(file, 0, blockBytes)).equals(marked);
    const allowed = isMarked ? [0, fill] : [0];
    await expectOnly(allowed, file, path, isMarked ? blockBytes : 0, used);
    if (!isMarked) await expectOnly(allowed, file, path, Math.max(used, size - chunkBytes), size);
  } finally {
    await file.close();
  }
}

/** @throws Error where what lies there is not what a benchmark has begun with. */
export async function expectMark(path) {
  const file = await open(path, 'r');
  try {
    if (!(await bytesAt(file, 0, blockBytes)).equals(marked))
      throw new Error(`${path} was changed meanwhile`);
  } finally {
    await file.close();
  }
}

async function expectOnly(allowed, file, path, from, end) {
  for (let at = from; at < end; at += chunkBytes) {
    const bytes = await bytesAt(file, at, Math.min(chunkBytes, end - at));
    const strange = bytes.findIndex((byte) => !allowed.includes(byte));
    if (strange >= 0) {
      throw new Error(
        `${path} is not empty (at ${at + strange} bytes): --destroy overwrites its first 64 MiB`,
      );
    }
  }
}

async function bytesAt(file, at, length) {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead < length)
    throw new Error(`only ${bytesRead} of ${length} bytes could be read at ${at} bytes`);
  return buffer;
}
