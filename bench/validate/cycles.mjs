// Targets that are made and removed, again and again, on every kind of device and with every engine; and what of them is left with
// this process.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { engineNames } from '../../dist/device/engines.js';
import { nativeUsage } from '../../dist/device/native.js';
import { listTargets, RemapTarget } from '../../dist/index.js';
import { look } from '../../test/fixtures/usage.mjs';
import { inTime, using, whenFree } from '../removal/waits.mjs';

const block = new Uint8Array(4096).fill(1);
/** Of the kernel and our queue together. */
const writes = 64;

/** Kinds of devices: how they are made, how their writes come into trouble, and out of it. */
const kinds = ({ stuckFile, stuckLoop, throttledLoop }) => [
  { name: 'healthy loop', share: 1, make: throttledLoop, begin: async () => {}, end: async () => {} },
  { name: 'stuck file', share: 0.2, make: stuckFile, begin: (disk) => disk.stall('write'), end: letGo },
  { name: 'stuck loop', share: 0.2, make: stuckLoop, begin: (disk) => disk.stall('write'), end: letGo },
  {
    name: 'throttled loop',
    share: 0.2,
    make: throttledLoop,
    begin: (disk) => disk.stall(),
    end: (disk) => disk.release(),
  },
  {
    name: 'file with errors',
    share: 0.2,
    make: stuckFile,
    begin: (disk) => disk.fail('EIO', { kinds: ['write'] }),
    end: letGo,
  },
];

async function letGo(disk) {
  await disk.pass();
  await disk.release();
}

export async function cycles({ fixtures, quick, say }) {
  const total = { removals: 0, work: 0, hangs: 0 };
  const [first, ...others] = kinds(fixtures);
  const onAllEngines = async (kind) => {
    for (const engine of engineNames) {
      const rounds = Math.ceil((quick ? 100 : 500) * kind.share);
      say(`${rounds} removals, ${kind.name}, ${engine}`);
      await using([kind.make, kind.make], (main, spare) =>
        removals(kind, engine, main, spare, rounds, total),
      );
    }
  };
  // Until every engine has its threads, and V8 its memory.
  await onAllEngines(first);
  const removed = total.removals;
  const before = await looked();
  for (const kind of others) await onAllEngines(kind);
  const after = await looked();
  const grown = (name) => Math.max(0, after[name] - before[name]);
  // A leak is one of a kind for each removal. V8 has mappings and memory too, and breathes by so much.
  const each = (name, breath) => Math.round(Math.max(0, grown(name) - breath) / (total.removals - removed));
  return {
    ...total,
    descriptors: grown('descriptors'),
    rings: grown('rings'),
    mappings: each('mappings', 100),
    memoryKiB: each('heapKiB', 1024) + nativeUsage().slabPages * 4,
  };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

async function looked() {
  // What is finalized in one collection frees more in the next.
  for (let time = 0; time < 3; time++) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  const { heapUsed, external } = process.memoryUsage();
  return { ...look(), heapKiB: (heapUsed + external) / 1024 };
}

async function removals(kind, engine, main, spare, rounds, total) {
  const options = { main: main.path, spare: spare.path, engine, window: 64, sync: { backoffMs: 1 } };
  await (await RemapTarget.create(options)).destroy();
  for (let round = 0; round < rounds; round++) await removal(kind, main, options, total);
  // What is closed on a thread has been when it is free again.
  await (await whenFree(() => RemapTarget.open(options))).destroy();
  total.work += nativeUsage().operations + listTargets().length;
}

/** A target with writes and a remap under way, whose device hangs, fails or does neither, is removed. */
async function removal({ begin, end }, main, options, total) {
  const target = await whenFree(() => RemapTarget.open(options));
  await begin(main);
  const all = Array.from({ length: writes }, (_, index) => target.write(index * 8, block));
  let settled = 0;
  const drained = all.map((writing) =>
    writing.then(
      () => settled++,
      (error) => {
        settled++;
        return error.drained;
      },
    ),
  );
  // Not in a turn of its own: some of them are in the kernel then, some are not, and some are done.
  await new Promise(setImmediate);
  total.removals++;
  if (!(await inTime(target.destroy({ graceMs: 0 })))) total.hangs++;
  await new Promise(setImmediate);
  total.work += all.length - settled;
  await end(main);
  if (!(await inTime(Promise.all(drained)))) total.hangs++;
  while (nativeUsage().operations > 0) await new Promise(setImmediate);
}
