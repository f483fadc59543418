// Room: bench. Writes that hang, and are aborted: by our engines, by fs.promises with a signal, and by the two ways to remove a target
// that were not taken (bench/removal). A process of its own for each round, since it ends with its writes still stuck.
// argv: the name of the side, and as JSON { path, operations, depth, boundMs, deadlineMs }.
import { constants } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { nativeUsage } from '../../dist/device/native.js';
import { openDevice } from '../../dist/index.js';
import { answerSteps } from '../frame/answering.mjs';
import { latenciesOf } from '../frame/latencies.mjs';
import { watchLoop } from '../frame/loop-delay.mjs';
import { blockBytes } from '../frame/ours.mjs';
import { BlockingWrites } from '../removal/blocking-writes.mjs';

const [name, parameters] = process.argv.slice(2);
const { path, operations, depth, boundMs, deadlineMs } = JSON.parse(parameters);
const block = new Uint8Array(blockBytes).fill(0xa5);

const engine = (name) => async () => {
  const device = await openDevice(path, { mode: 'write', engine: name, window: depth });
  const write = (index) => device.write(BigInt(index * blockBytes), block);
  return {
    write,
    abort: (writing) => writing.cancel(),
    inKernel: () => nativeUsage().inFlight,
    mustAbort: true,
    /** Until V8 has compiled what an abort takes. */
    async warm() {
      for (let round = 0; round < 20; round++) {
        const writes = Array.from({ length: 32 }, (_, index) => write(index));
        for (const writing of writes) writing.cancel();
        await Promise.all(writes.map((writing) => writing.catch(({ drained }) => drained)));
      }
    },
  };
};

/** Its signal is looked at before a write begins, and between two of 512 KiB. */
const promises = async () => {
  // O_DIRECT wants aligned memory, and WebAssembly's is the one in JavaScript that begins at a page.
  const aligned = new Uint8Array(new WebAssembly.Memory({ initial: 1 }).buffer, 0, blockBytes);
  const flag = constants.O_WRONLY | constants.O_DIRECT | constants.O_DSYNC;
  return {
    write() {
      const controller = new AbortController();
      const writing = writeFile(path, aligned, { flag, signal: controller.signal });
      return Object.assign(writing, { abort: () => controller.abort() });
    },
    abort: (writing) => writing.abort(),
  };
};

/** Its abort is the removal of all; what that leaves behind has settled for nobody, and counts until it does so. */
const model = (limit) => async () => {
  const writes = await BlockingWrites.open(path, { threads: depth, operations, ...limit });
  let removal;
  return {
    write: (index) => writes.write(index * blockBytes, block),
    abort() {
      removal ??= writes.remove();
      return removal;
    },
    inKernel: () => writes.inKernel,
  };
};

const sides = {
  io_uring: engine('io_uring'),
  libaio: engine('libaio'),
  threads: engine('threads'),
  'fs.promises': promises,
  leak: () => model({ boundMs })(),
  force: () => model({ deadlineMs })(),
};

const side = await sides[name]();
await side.warm?.();
let writes;
/** What each came to, and when. */
let ends;

const ended = (error) => ({ at: performance.now(), error });

function millisecondsOf(begun, { at, error }) {
  if (at < begun) throw new Error('a write had ended before its abort');
  if (side.mustAbort && error?.code !== 'ABORT_ERR')
    throw new Error('a write was not aborted', { cause: error });
  return at - begun;
}

function abort(index) {
  const begun = performance.now();
  const left = side.abort(writes[index]);
  const end = left === undefined ? ends[index] : Promise.race([ends[index], left.then(() => ended())]);
  return end.then((end) => millisecondsOf(begun, end));
}

async function oneByOne() {
  const latencies = [];
  // The oldest and the youngest in turn: what is in the kernel, and what is queued.
  for (let at = 0; at < operations; at++) {
    latencies.push(await abort(at % 2 === 0 ? at / 2 : operations - (at + 1) / 2));
  }
  return latencies;
}

async function measured(together) {
  const loop = watchLoop();
  const latencies = together ? await Promise.all(writes.map((_, index) => abort(index))) : await oneByOne();
  return { ...latenciesOf(latencies), delay: loop.longest() };
}

let measuring;
await answerSteps({
  async hang() {
    writes = Array.from({ length: operations }, (_, index) => side.write(index));
    ends = writes.map((writing) => writing.then(() => ended(), ended));
    let early = 0;
    for (const end of ends) end.then(() => early++);
    while (side.inKernel?.() < Math.min(depth, operations)) {
      if (early > 0) throw new Error('a write has ended before the device held it');
      await nextTurn();
    }
    globalThis.gc();
    return {};
  },
  async abort({ together }) {
    measuring = measured(together);
    return {};
  },
  settled: () => measuring,
  leave: () =>
    new Promise(() => {
      // Heard of before the exit, which may not come for a long time.
      process.send({ at: String(process.hrtime.bigint()) }, () => process.exit(0));
    }),
});
