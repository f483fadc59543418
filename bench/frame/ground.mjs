// Room: bench. What is written on: a file of our own and a loop device over memory, or what the user names. Nothing that could be
// somebody's is overwritten: what is named must be empty, or bear the mark of an earlier run, unless --destroy says otherwise. The mark
// fills the first block of what is named and stays there, so that a run that is killed leaves nothing that the next one refuses.
import { existsSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDevice } from '../../dist/index.js';
import { loadFixtures } from '../../scripts/lib/fixtures.mjs';

export const blockBytes = 4096;
const chunkBytes = 128 * 1024;
/** Too little room makes writes wait for each other that the kernel would have taken together. */
const leastBytes = 8 * 1024 * 1024;
const mostBytes = 64 * 1024 * 1024;
const mark = Buffer.from('dmremap bench: from here on 64 MiB may be overwritten\n');

/**
 * What a benchmark that writes is measured on.
 * @param job `path` and `destroy` as the user gave them; what is made goes to `keep`.
 * @returns each with `name`, `title`, `path`, and the range that may be written to, `firstBlock` and `blocks` of 4,096 bytes. All
 *   of it has been written to before: a write into a hole costs more.
 * @throws Error where the user's path may not be overwritten, is too small, or cannot be opened for writing.
 */
export async function grounds({ path, destroy, quick, keep, say, scratch }) {
  if (path !== undefined) return [await named(path, destroy, keep)];
  const sizeBytes = quick ? leastBytes : mostBytes;
  const file = join(scratch(), 'file.img');
  makeFile(file, sizeBytes);
  const made = [{ name: 'file', title: 'a file', ...(await prepared(file)) }];
  const { throttledLoop, whyNo } = await loadFixtures();
  const reason = whyNo('memoryLoop');
  if (reason !== undefined) {
    say(`no loop device over memory is measured: ${reason}`);
    return made;
  }
  const loop = keep(await throttledLoop({ sizeBytes }));
  return [...made, { name: 'loop', title: 'a loop device over memory', ...(await prepared(loop.path)) }];
}

async function named(path, destroy, keep) {
  const isNew = !existsSync(path);
  if (isNew) {
    makeFile(path, mostBytes);
    keep({ [Symbol.asyncDispose]: async () => rmSync(path, { force: true }) });
  }
  const isEmptyFile = (device) => {
    if (device.info.kind !== 'file' || device.info.sizeBytes > 0n) return false;
    keep({ [Symbol.asyncDispose]: async () => truncateSync(path, 0) });
    return true;
  };
  const range = await prepared(path, { isNamed: true, mayOverwrite: destroy || isNew, isEmptyFile });
  return { name: 'path', title: 'the path that was named', ...range };
}

function makeFile(path, sizeBytes) {
  // Never what is there already, nor what a link leads to.
  writeFileSync(path, '', { flag: 'wx' });
  truncateSync(path, sizeBytes);
}

/** Holds the device exclusively while it looks, and while it writes all of the range once. */
async function prepared(path, { isNamed = false, mayOverwrite = true, isEmptyFile = () => false } = {}) {
  const first = await openDevice(path, { mode: 'write' });
  if (isEmptyFile(first)) {
    await first.close();
    truncateSync(path, mostBytes);
    return prepared(path, { isNamed });
  }
  try {
    const { sizeBytes } = first.info;
    const size = Math.min(mostBytes, Number((sizeBytes / BigInt(chunkBytes)) * BigInt(chunkBytes)));
    if (size < leastBytes) throw new Error(`${path} has ${sizeBytes} bytes; ${leastBytes} are the least`);
    if (!mayOverwrite) await refuseData(first, size);
    const chunk = new Uint8Array(chunkBytes).fill(0xa5);
    const head = chunk.slice();
    if (isNamed) head.set(mark);
    // The mark first: a run that is killed here leaves nothing else that could be taken for somebody's.
    await first.write(0n, head);
    for (let at = chunkBytes; at < size; at += chunkBytes) {
      await first.write(BigInt(at), chunk, { durable: false });
    }
    const firstBlock = isNamed ? 1 : 0;
    return { path, firstBlock, blocks: size / blockBytes - firstBlock };
  } finally {
    await first.close();
  }
}

/** By all of the range, and by the end, where the second copy of a partition table is. */
async function refuseData(device, size) {
  const { path, sizeBytes } = device.info;
  const zeros = Buffer.alloc(chunkBytes);
  const end = (sizeBytes / BigInt(chunkBytes) - 1n) * BigInt(chunkBytes);
  for (
    let at = 0n;
    at <= end;
    at = at + BigInt(chunkBytes) === BigInt(size) ? end : at + BigInt(chunkBytes)
  ) {
    const bytes = Buffer.from(await device.read(at, chunkBytes));
    if (at === 0n && bytes.subarray(0, mark.length).equals(mark)) return;
    if (!bytes.equals(zeros)) {
      throw new Error(`${path} is not empty (at ${at} bytes): --destroy overwrites its first 64 MiB`);
    }
    if (at === end) return;
  }
}
