// Room: bench. Random writes of 4 KiB with O_DIRECT, a number of them in flight: by our engines, and by what Node.js has.
import { close, constants, open, promises, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { heldDevice } from '../frame/held-device.mjs';
import { settledRound } from '../frame/latencies.mjs';
import { blockBytes, fill } from '../frame/ours.mjs';
import { random } from '../frame/random.mjs';

const [openFile, closeFile] = [promisify(open), promisify(close)];

/** A block for each caller, at a multiple of 4,096 bytes in memory as O_DIRECT wants it: no Buffer of Node.js is. */
async function alignedBlocks(depth, works) {
  const room = Buffer.alloc((depth + 1) * blockBytes, fill);
  for (let shift = 0; shift < blockBytes; shift += 16) {
    if (await works(room.subarray(shift, shift + blockBytes))) {
      return Array.from({ length: depth }, (_, at) =>
        room.subarray(shift + at * blockBytes, shift + (at + 1) * blockBytes),
      );
    }
  }
  throw new Error('no part of a Buffer can be written with O_DIRECT');
}

function offsets({ firstBlock, blocks }) {
  const draw = random(1);
  return () => (firstBlock + draw(blocks)) * blockBytes;
}

/** One of our engines. It is held exclusively, so each round opens it: in no figure. */
const engine =
  (name) =>
  ({ path, depth, sync, ...range }) => {
    const next = offsets(range);
    const block = new Uint8Array(blockBytes).fill(fill);
    const options = { durable: sync };
    return {
      async measure(ms) {
        const device = await heldDevice(path, { mode: 'write', engine: name, window: depth });
        try {
          return await settledRound(ms, depth, () => device.write(BigInt(next()), block, options));
        } finally {
          await device.close();
        }
      },
    };
  };

/** @param writeWith of a descriptor: what writes a block at an offset. */
const nodes =
  (writeWith) =>
  ({ path, depth, sync, ...range }) => {
    const next = offsets(range);
    const flags = constants.O_WRONLY | constants.O_DIRECT | (sync ? constants.O_DSYNC : 0);
    let blocks;
    return {
      async measure(ms) {
        const fd = await openFile(path, flags);
        try {
          blocks ??= await alignedBlocks(depth, (block) => canWrite(fd, block, next()));
          const writeOne = await writeWith(fd, path, flags);
          const result = await settledRound(ms, depth, (caller) => writeOne(blocks[caller], next()));
          await writeOne.end?.();
          return result;
        } finally {
          await closeFile(fd);
        }
      },
    };
  };

function canWrite(fd, block, offset) {
  try {
    return writeSync(fd, block, 0, blockBytes, offset) === blockBytes;
  } catch (error) {
    if (error.code === 'EINVAL') return false;
    throw error;
  }
}

function whole(written) {
  if (written !== blockBytes) throw new Error(`${written} of ${blockBytes} bytes were written`);
}

const byPromises = nodes(async (_, path, flags) => {
  const file = await promises.open(path, flags);
  const writeOne = async (block, offset) =>
    whole((await file.write(block, 0, blockBytes, offset)).bytesWritten);
  return Object.assign(writeOne, { end: () => file.close() });
});

const byCallbacks = nodes(
  (fd) => (block, offset) =>
    new Promise((resolve, reject) => {
      write(fd, block, 0, blockBytes, offset, (error, written) => {
        if (error !== null) return reject(error);
        resolve(whole(written));
      });
    }),
);

const blocking = nodes((fd) => async (block, offset) => whole(writeSync(fd, block, 0, blockBytes, offset)));

export const sides = {
  io_uring: engine('io_uring'),
  libaio: engine('libaio'),
  threads: engine('threads'),
  'fs.promises': byPromises,
  'fs.write': byCallbacks,
  'fs.writeSync': blocking,
};
