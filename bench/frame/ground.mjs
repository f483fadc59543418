// Room: bench. What is written on: a file of our own and a loop device over memory, or what the user names. Nothing that could be
// somebody's is overwritten: what is named must be empty, or left by an earlier run (ours.mjs), unless --destroy says otherwise.
import {
  closeSync,
  existsSync,
  ftruncateSync,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { openDevice } from '../../dist/index.js';
import { loadFixtures } from '../../scripts/lib/fixtures.mjs';
import { blockBytes, expectMark, fill, marked, refuseData } from './ours.mjs';

const chunkBytes = 128 * 1024;
/** Too little room makes writes wait for each other that the kernel would have taken together. */
const leastBytes = 8 * 1024 * 1024;
const mostBytes = 64 * 1024 * 1024;

/**
 * What a benchmark that writes is measured on.
 * @param job `path` and `destroy` as the user gave them; what is made goes to `keep`; `signal` ends it between two steps.
 * @returns each with `name`, `title`, `path`, and the range that may be written to, `firstBlock` and `blocks` of 4,096 bytes. All
 *   of it has been written to before: a write into a hole costs more.
 * @throws Error where the user's path may not be overwritten, is too small, or cannot be opened for writing.
 */
export async function grounds({ path, destroy, quick, keep, say, scratch, signal }) {
  if (path !== undefined) return [await named(path, { destroy, keep, signal })];
  const sizeBytes = quick ? leastBytes : mostBytes;
  const file = join(mkdtempSync(join(scratch(), 'ground-')), 'file.img');
  makeFile(file, sizeBytes);
  const made = [{ name: 'file', title: 'a file', ...(await written(file, signal)) }];
  const { throttledLoop, whyNo } = await loadFixtures();
  const reason = whyNo('memoryLoop');
  if (reason !== undefined) {
    say(`no loop device over memory is measured: ${reason}`);
    return made;
  }
  const loop = keep(await throttledLoop({ sizeBytes }));
  return [
    ...made,
    { name: 'loop', title: 'a loop device over memory', ...(await written(loop.path, signal)) },
  ];
}

/** What is made goes again, and a file that was empty becomes so again. What was taken is left as an earlier run would leave it. */
async function named(path, { destroy, keep, signal }) {
  const inTheEnd = (how) => {
    const { dev, ino } = statSync(path);
    // Somebody may have put another file there meanwhile.
    const isStill = (now) => now !== undefined && now.dev === dev && now.ino === ino;
    keep({
      [Symbol.asyncDispose]: async () => {
        if (isStill(statSync(path, { throwIfNoEntry: false }))) await how();
      },
    });
  };
  const taken = async (mayWrite) => ({
    name: 'path',
    title: 'the path that was named',
    ...(await written(path, signal, mayWrite)),
  });
  if (!existsSync(path)) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
      throw new Error(`${path} is a link that leads nowhere`);
    }
    makeFile(path, mostBytes);
    inTheEnd(() => rmSync(path));
    return taken();
  }
  if (await isEmptyFile(path)) {
    inTheEnd(() => truncateSync(path));
    truncateSync(path, mostBytes);
    return taken();
  }
  const place = await taken(destroy ? undefined : (size, used) => refuseData(path, size, used));
  inTheEnd(() => written(path, new AbortController().signal, () => expectMark(path)));
  return place;
}

function makeFile(path, sizeBytes) {
  // Never what is there already, nor what a link leads to.
  const descriptor = openSync(path, 'wx');
  try {
    ftruncateSync(descriptor, sizeBytes);
  } finally {
    closeSync(descriptor);
  }
}

/** Asked of the device: it is ours to open for writing, and nobody else has it. */
async function isEmptyFile(path) {
  const device = await openDevice(path, { mode: 'write' });
  try {
    return device.info.kind === 'file' && device.info.sizeBytes === 0n;
  } finally {
    await device.close();
  }
}

/**
 * Holds the device exclusively while `mayWrite` looks, and while all of the range is written once. The mark comes first, so that
 * what is left by a run that was killed can be told from data.
 */
async function written(path, signal, mayWrite = async () => {}) {
  const device = await openDevice(path, { mode: 'write' });
  try {
    const size = Number(device.info.sizeBytes);
    const used = Math.min(mostBytes, size - (size % chunkBytes));
    if (used < leastBytes) throw new Error(`${path} has ${size} bytes; ${leastBytes} are the least`);
    await mayWrite(size, used);
    const chunk = new Uint8Array(chunkBytes).fill(fill);
    const first = chunk.slice();
    first.set(marked);
    await device.write(0n, first);
    for (let at = chunkBytes; at < used; at += chunkBytes) {
      signal.throwIfAborted();
      await device.write(BigInt(at), chunk, { durable: at + chunkBytes === used });
    }
    return { path, firstBlock: 1, blocks: used / blockBytes - 1 };
  } finally {
    await device.close();
  }
}
