// A bit of everything that a device can be asked for, and what was said of it: on every failure of the native part. Plain
// JavaScript, for it runs in workers, and without the tests' own machinery around it.
import { closeSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';

export const imageBytes = 256 * 1024;

const bytesOf = (value, length) => new Uint8Array(length).fill(value);

/** How a promise settled. `final` is the outcome, or those of a batch, once nothing is in flight any more. */
export async function told(what, promise) {
  try {
    return { what, code: 'success', value: await promise, final: 'written' };
  } catch (error) {
    const { code, errno, message, outcome } = error;
    return { what, code: code ?? 'none', errno, message, outcome, final: await error.drained };
  }
}

/** What goes to the tests: the words. */
export const spoken = ({ what, code, errno, message }) => ({ what, code, errno, message });

/**
 * @param openDevice of the library that is to be tried.
 * @param options engine; paths: two, the first a sparse file; value: of every byte that is written; and how to open.
 * @returns what was said of each call, and of each range that was to be written.
 */
export async function work(openDevice, { engine, paths, value, openAgain = false, leave = false }) {
  const said = [];
  const claims = [];
  const tell = async (what, promise) => {
    const result = await told(what, promise);
    said.push(spoken(result));
    return result;
  };
  const write = async (what, path, device, offset, options) => {
    const result = await tell(what, device.write(BigInt(offset), bytesOf(value, 4096), options));
    claims.push({ path, offset, length: 4096, final: result.final });
  };
  const open = async (path) => {
    const options = { mode: 'write', engine, window: 2 };
    let result = await tell('open', openDevice(path, options));
    if (openAgain && result.code !== 'success') result = await tell('open again', openDevice(path, options));
    return result.value;
  };

  const [first, second] = await Promise.all(paths.map(open));
  if (first !== undefined) {
    const [path] = paths;
    await tell('allocate', first.allocate(imageBytes));
    await write('write', path, first, 0, { durable: false });
    await write('durable write', path, first, 4096);
    const groups = [[8192], [12_288, 16_384], [20_480]].map((group) =>
      group.map((offset) => ({ offset: BigInt(offset), bytes: bytesOf(value, 4096) })),
    );
    const batch = await tell('ordered groups', first.writeOrdered(groups));
    for (const [at, { offset, bytes }] of groups.flat().entries()) {
      const final = typeof batch.final === 'string' ? batch.final : batch.final?.[at]?.outcome;
      claims.push({ path, offset: Number(offset), length: bytes.length, final });
    }
    const read = await tell('read', first.read(0n, 24_576));
    if (read.value !== undefined)
      claims.push({ path, offset: 0, length: 24_576, read: [...new Set(read.value)] });
    await tell('flush', first.flush());
    // Beyond one segment of the slab.
    const reads = Array.from({ length: 9 }, () => tell('read', first.read(0n, 131_072)));
    await Promise.all(reads);

    // In flight are the first two, and the last of them waits for the one before it.
    const writes = Array.from({ length: 6 }, (_, at) =>
      first.write(BigInt(65_536 + at * 4096), bytesOf(value, 4096)),
    );
    for (const at of [1, 3, 5]) writes[at].cancel();
    const ends = writes.map((writing, at) => told(at % 2 === 1 ? 'aborted write' : 'write', writing));
    for (const [at, end] of (await Promise.all(ends)).entries()) {
      said.push(spoken(end));
      claims.push({ path, offset: 65_536 + at * 4096, length: 4096, final: end.final });
    }
  }
  if (second !== undefined) await write('write', paths[1], second, 0);
  if (leave) {
    for (const device of [first, second]) {
      for (let at = 0; at < 4; at++)
        device?.write(BigInt(131_072 + at * 4096), bytesOf(0, 4096)).catch(() => {});
    }
  } else {
    const closing = [first, second].map((device) => device?.close());
    for (const report of await Promise.all(closing)) {
      if (report !== undefined)
        said.push({ what: 'close', code: report.released ? 'success' : 'not released' });
    }
  }
  return { said, claims };
}

/** Opens, writes, reads and closes: what must succeed after any failure. Returns what is wrong. */
export async function healthy(openDevice, { engine, paths: [path], value }) {
  const device = await openWhenFree(openDevice, path, engine);
  const bytes = bytesOf(value, 8192);
  await device.write(0n, bytes);
  const read = await device.read(0n, 8192);
  await device.close();
  return Buffer.compare(read, bytes) === 0 ? [] : ['afterwards: what is read is not what was written'];
}

/** The kernel lets go of a lock a little after the ring or the thread that had it has ended. */
async function openWhenFree(openDevice, path, engine) {
  const patience = Date.now() + 5000;
  for (;;) {
    try {
      return await openDevice(path, { mode: 'write', engine });
    } catch (error) {
      if (error.code !== 'ERR_DEVICE_BUSY' || Date.now() > patience) throw error;
    }
  }
}

/** Zeros on every medium, and holes in the first. */
export function prepare([sparse, ...others]) {
  truncateSync(sparse, 0);
  truncateSync(sparse, imageBytes);
  for (const path of others) withFile(path, 'r+', (file) => writeSync(file, Buffer.alloc(imageBytes), 0));
}

/** What is on the media and was not said, or the other way round. They were zeros before. */
export function contradictions(claims, value) {
  const media = new Map(claims.map(({ path }) => [path, undefined]));
  for (const path of media.keys()) {
    const bytes = Buffer.alloc(imageBytes);
    withFile(path, 'r', (file) => readSync(file, bytes, 0, imageBytes, 0));
    media.set(path, bytes);
  }
  return claims.flatMap(({ path, offset, length, final, read }) => {
    const there = new Set(media.get(path).subarray(offset, offset + length));
    if (read !== undefined)
      return read.every((byte) => there.has(byte)) ? [] : [`read ${read}, not ${[...there]}`];
    const allowed = { written: [value], untouched: [0], unknown: [0, value] }[final];
    if (allowed === undefined) return [`${path} at ${offset}: an outcome of ${final}`];
    const wrong = [...there].filter((byte) => !allowed.includes(byte));
    return wrong.length === 0 ? [] : [`${path} at ${offset} is told ${final}, and has ${wrong}`];
  });
}

function withFile(path, flags, use) {
  const file = openSync(path, flags);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}
