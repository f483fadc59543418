// How long it takes from an abort to its settlement, one by itself and many at once until the last has settled; how long
// close takes, and how long the event loop is held up; with 1, 32 and 1,000 writes on a device that hangs.
// `npm run aborts [-- ROUNDS]`. The aim for one abort: p99 below 1 ms, none above 20 ms.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { openDevice } from '../dist/index.js';
import { loadFixtures } from './lib/fixtures.mjs';

const rounds = Number(process.argv[2] ?? 200);
if (!Number.isInteger(rounds) || rounds < 1) {
  console.error('aborts: the number of rounds is a whole number from 1');
  process.exit(16);
}
const { stuckFile, stuckLoop, throttledLoop, frozenFile, whyNo } = await loadFixtures();
const sizeBytes = 8 * 1024 * 1024;
const bytes = new Uint8Array(4096).fill(1);

/** How to make each hang, and how to know that it does: by the first writes that are held. */
const devices = [
  {
    name: 'loop over FUSE',
    fixture: 'stuckLoop',
    make: () => stuckLoop({ sizeBytes }),
    held: (disk, count) => disk.held(count, 'write'),
  },
  {
    name: 'file on FUSE',
    fixture: 'stuckFile',
    make: () => stuckFile({ sizeBytes }),
    held: (disk, count) => disk.held(count, 'write'),
  },
  { name: 'throttled loop', fixture: 'throttledLoop', make: () => throttledLoop({ sizeBytes }), held: turns },
  {
    name: 'frozen ext4',
    fixture: 'frozenFile',
    make: () => frozenFile({ sizeBytes }),
    held: turns,
    atMost: 20,
  },
];

/** A throttled loop takes options, a file on FUSE kinds; a frozen file has no stall at all. */
function stall(disk) {
  if (disk.freeze !== undefined) return disk.freeze(3000);
  return disk.rules === undefined ? disk.stall('write') : disk.stall();
}

async function turns() {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
const ms = (value) => value.toFixed(3).padStart(9);

function row(label, values) {
  const sorted = values.toSorted((a, b) => a - b);
  const figures = [0.5, 0.99, 1].map((share) => ms(quantile(sorted, share))).join(' ');
  console.log(`  ${label.padEnd(34)}${String(sorted.length).padStart(8)} ${figures}`);
  return sorted;
}

/** One round: so many writes, all aborted at once. Each abort is timed by itself. */
async function round({ make, held }, operations, window, tally) {
  const disk = await make();
  try {
    const device = await openDevice(disk.path, { mode: 'write', window });
    await stall(disk);
    const writes = Array.from({ length: operations }, (_, index) =>
      device.write(BigInt(index * 4096), bytes),
    );
    await held(disk, Math.min(window, operations));
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    // Some of them one after the other, oldest and youngest in turn; then all that are left by one signal.
    const errors = [];
    const single = Math.ceil(operations / 2);
    for (let index = 0; index < single; index++) {
      const write = writes[index % 2 === 0 ? index / 2 : operations - (index + 1) / 2];
      tally.done.add(write);
      errors.push(await abort(write, tally));
    }
    const left = writes.filter((write) => !tally.done.has(write));
    const since = performance.now();
    for (const write of left) write.cancel();
    errors.push(...(await Promise.all(left.map((write) => write.catch((reason) => reason)))));
    if (left.length > 0) tally.together.push(performance.now() - since);
    delay.disable();
    tally.loop.push(delay.max / 1e6);
    tally.unknown += errors.filter(({ outcome }) => outcome === 'unknown').length;
    const closing = performance.now();
    await device.close({ graceMs: 0 });
    tally.close.push(performance.now() - closing);
    await disk.pass?.();
    await (disk.release?.() ?? disk.thaw());
    await Promise.all(errors.map(({ drained }) => drained));
  } finally {
    await disk[Symbol.asyncDispose]();
  }
}

async function abort(write, tally) {
  const since = performance.now();
  write.cancel();
  const error = await write.catch((reason) => reason);
  tally.settled.push(performance.now() - since);
  return error;
}

console.log(
  `  ${'milliseconds'.padEnd(34)}${'number'.padStart(8)} ${'p50'.padStart(9)} ${'p99'.padStart(9)} ${'max'.padStart(9)}`,
);
let worst = 0;
let worstP99 = 0;
let worstTogether = 0;
let samples = 0;
const missing = [];
for (const device of devices) {
  const no = whyNo(device.fixture);
  if (no !== undefined) {
    console.log(`${device.name}: ${no}`);
    missing.push(device.name);
    continue;
  }
  for (const operations of [1, 32, 1000]) {
    const tally = { settled: [], together: [], done: new Set(), loop: [], close: [], unknown: 0 };
    const times = Math.max(3, Math.min(device.atMost ?? rounds, Math.ceil(rounds / Math.sqrt(operations))));
    for (let number = 0; number < times; number++) await round(device, operations, 32, tally);
    console.log(`${device.name}, ${operations} writes, ${times} rounds, ${tally.unknown} unknown`);
    const sorted = row('abort to settled', tally.settled);
    samples += sorted.length;
    worst = Math.max(worst, sorted.at(-1) ?? 0);
    worstTogether = Math.max(worstTogether, ...tally.together);
    worstP99 = Math.max(worstP99, quantile(sorted, 0.99));
    if (tally.together.length > 0) row('the other half at once, the last', tally.together);
    row('close without a grace', tally.close);
    row('event loop held up, per round', tally.loop);
  }
}
const kept = worst <= 20 && worstP99 <= 1 ? 'within the aim' : 'not all within the aim';
const figures = `one abort: worst p99 ${worstP99.toFixed(3)} ms, worst ${worst.toFixed(3)} ms, ${kept}`;
const absent = missing.length > 0 ? `; not here: ${missing.join(', ')}` : '';
if (samples === 0) console.log(`aborts: NOTHING MEASURED${absent}`);
else console.log(`aborts: ${figures}; half of 1,000 at once: worst ${worstTogether.toFixed(3)} ms${absent}`);
// The aim is a figure of this machine, not a promise: only a run that has measured nothing is a failure.
process.exitCode = samples === 0 ? 1 : 0;
