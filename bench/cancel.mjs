// Room: bench. Aborts of writes that hang: `node bench/cancel.mjs [--quick]`. From the abort to its settlement, how long the event loop
// is held up meanwhile, and how long a process with stuck writes takes to leave. What waits for the device gets its answer after a
// bound: of that side the figures say no more than that it waits.
import { loadFixtures } from '../scripts/lib/fixtures.mjs';
import { hangingDevices } from './cancel/devices.mjs';
import { cancelSide } from './cancel/side.mjs';
import { main } from './frame/main.mjs';

/** Of the writes, in the kernel at a time, of each side. */
const depth = 64;
const counts = [1, 32, 1000];
/** On the devices that the goals are not about. */
const otherCounts = [1000];

const ours = [
  { name: 'io_uring', code: 'io_uring' },
  { name: 'libaio', code: 'libaio', stays: true },
  { name: 'threads', code: 'threads', stays: true },
];
/** The others are there to be held against ours, on the device that the goals are about. */
const others = (deadlineMs) => [
  { name: 'fs.promises, a signal', code: 'fs.promises', waits: true, stays: true },
  { name: 'blocking, leaks', code: 'leak', stays: true },
  { name: `blocking, forced after ${deadlineMs / 1000} s`, code: 'force', stays: true },
];

function group(device, sides, job) {
  const { operations, together, boundMs } = job;
  const how = operations === 1 ? '' : together ? ' in one turn' : ' one by one';
  const number = operations.toLocaleString('en');
  return {
    name: `${device.name}-${together ? 'together' : 'each'}-${operations}`,
    title: `${number}${how}, ${device.title}, answers after ${boundMs} ms`,
    rounds: 'hangs',
    sides: sides.map((side) => ({ name: side.name, start: async () => cancelSide(device, job, side) })),
    bounds: device.name === 'loop' ? goals(`${number} aborted${how}`) : [],
  };
}

const goals = (what) => [
  { of: 'io_uring', measure: 'p99', statistic: 'median', goal: { what: `p99, ${what}`, atMost: 1e6 } },
  { of: 'io_uring', measure: 'slowest', statistic: 'max', goal: { what: `slowest, ${what}`, atMost: 20e6 } },
];

const plot = (measure, title) => ({ name: measure, title, measure, groups: /^loop-together-/ });

export const cancel = {
  name: 'cancel',
  title: 'aborts of writes that hang, and exits while they do',
  withEngine: true,
  async groups({ quick, say }) {
    const fixtures = await loadFixtures();
    const devices = hangingDevices(fixtures).filter(({ title, fixture }) => {
      const reason = fixtures.whyNo(fixture);
      if (reason !== undefined) say(`${title} is not measured: ${reason}`);
      return reason === undefined;
    });
    if (devices.length === 0) throw new Error('nothing that can hang is here');
    // Of a short run nobody reads the figures, and it must not fail where a busy machine takes a second to come to its aborts.
    const limits = quick ? { boundMs: 50, deadlineMs: 2000 } : { boundMs: 250, deadlineMs: 1000 };
    const job = { depth, ...limits };
    return (quick ? devices.slice(0, 1) : devices).flatMap((device) => {
      const isLoop = device.name === 'loop';
      const sides = isLoop ? [...ours, ...others(job.deadlineMs)] : ours;
      return (quick ? [32] : isLoop ? counts : otherCounts).flatMap((operations) => [
        group(device, sides, { ...job, operations, together: true }),
        ...(operations === 1 ? [] : [group(device, ours, { ...job, operations, together: false })]),
      ]);
    });
  },
  plots: [
    plot('p99', 'p99 of the time from the abort of a write to its settlement'),
    plot('exit', 'From the end of work until a process with stuck writes has gone'),
  ],
};

if (process.argv[1] === import.meta.filename) await main([cancel], 'node bench/cancel.mjs');
