// Room: bench. Random writes of 4 KiB with O_DIRECT: `node bench/writes.mjs [--path PATH] [--quick]`. Our engines, what Node.js has, fio
// where it is installed, and a program on liburing alone (bench/native/writes.c), which is the limit.
import { fio, fioEngines } from './frame/fio.mjs';
import { grounds } from './frame/ground.mjs';
import { main } from './frame/main.mjs';
import { measuredProgram, nativeProgram } from './frame/measured-program.mjs';
import { blockBytes } from './frame/ours.mjs';
import { sideProcess } from './frame/side-process.mjs';

const module = new URL('sides/writes.mjs', import.meta.url).href;
const depths = [1, 8, 32, 128];
const native = 'C on liburing';

/** In JavaScript: the name of the side here, of its code in sides/writes.mjs, and the environment that it wants. */
const scripts = [
  ['io_uring', 'io_uring'],
  ['libaio', 'libaio'],
  ['threads', 'threads'],
  ['fs.promises', 'fs.promises'],
  ['fs.promises, pool of 64', 'fs.promises', { UV_THREADPOOL_SIZE: '64' }],
  ['fs.write', 'fs.write'],
  ['fs.write, pool of 64', 'fs.write', { UV_THREADPOOL_SIZE: '64' }],
  ['fs.write, UV_USE_IO_URING=1', 'fs.write', { UV_USE_IO_URING: '1' }],
];

function group({ name, title, ...range }, { sync, depth, engines, quick }) {
  const job = { ...range, depth, sync };
  const script = ([side, code, settings]) => ({
    name: side,
    start: (length) => sideProcess(module, code, job, length, settings),
  });
  const program = nativeProgram('writes');
  const { path, firstBlock, blocks } = range;
  const wordsFor = (ms) => [program, ...[path, depth, ms, firstBlock, blocks, sync ? 1 : 0].map(String)];
  const fios = depth === 1 ? engines : engines.filter((engine) => engine !== 'psync');
  return {
    name: `${name}-${sync ? 'dsync' : 'plain'}-${depth}`,
    title: `${title}, ${sync ? 'RWF_DSYNC' : 'not durable'}, depth ${depth}`,
    sides: [
      ...scripts.map(script),
      ...(depth === 1 ? [script(['fs.writeSync', 'fs.writeSync'])] : []),
      ...fios.map((engine) => ({
        name: `fio ${engine}`,
        start: async (length) => fio({ ...job, engine, blockBytes, quick }, length),
      })),
      { name: native, start: async (length) => measuredProgram(wordsFor, length) },
    ],
    ratios: ratiosOf(name, depth, sync, fios),
  };
}

/** With the goals of each. What is no goal of ours is shown as well. */
function ratiosOf(name, depth, sync, fios) {
  const where = `${name}, ${sync ? 'DSYNC' : 'plain'}, depth ${depth}`;
  const ours = (to, measure, goal) => {
    const what = `${measure === 'rate' ? 'IOPS' : 'CPU'}, ${where} : ${to}`;
    return { of: 'io_uring', to, measure, ...(goal === undefined ? {} : { goal: { what, ...goal } }) };
  };
  const fast = name === 'loop';
  const rateGoal = fast ? { atLeast: depth === 1 ? 0.75 : 0.95 } : undefined;
  const fileGoal = name === 'file' && (depth === 8 || depth === 32) ? { atLeast: 0.95 } : undefined;
  const cpuGoal = depth === 1 ? { atMost: 2 } : depth >= 32 ? { atMost: 1.2 } : undefined;
  const many = fast && depth >= 8;
  return [
    ours(native, 'rate', rateGoal ?? fileGoal),
    ...(fios.includes('io_uring')
      ? [ours('fio io_uring', 'rate', rateGoal), ours('fio io_uring', 'cpu', fast ? cpuGoal : undefined)]
      : []),
    ours('fs.promises', 'rate', many ? { atLeast: 4 } : undefined),
    ours('fs.promises', 'cpu', many ? { atMost: 0.25 } : undefined),
  ];
}

const drawn = [
  'io_uring',
  'libaio',
  'threads',
  'fs.promises',
  'fs.promises, pool of 64',
  'fio io_uring',
  native,
];
const plot = (place, sync, measure, what) => ({
  name: `${measure}-${place}-${sync}`,
  title: `${what}, random writes of 4 KiB, ${sync === 'dsync' ? 'RWF_DSYNC' : 'not durable'}`,
  measure,
  groups: new RegExp(`^${place}-${sync}-`),
  sides: drawn,
});

export const writes = {
  name: 'writes',
  title: 'random writes of 4 KiB with O_DIRECT, one to 128 at a time',
  usesPath: true,
  withEngine: true,
  async groups(job) {
    const [places, engines] = [await grounds(job), await fioEngines(job.say)];
    // Each group takes a while to start, and the code of all is the same.
    const [syncs, few] = job.quick ? [[true], [1, 32]] : [[false, true], depths];
    return places.flatMap((place) =>
      syncs.flatMap((sync) => few.map((depth) => group(place, { sync, depth, engines, quick: job.quick }))),
    );
  },
  plots: ['file', 'loop', 'path'].flatMap((place) =>
    ['plain', 'dsync'].flatMap((sync) => [
      plot(place, sync, 'rate', 'Writes a second'),
      plot(place, sync, 'cpu', 'Processor time for each'),
    ]),
  ),
};

if (process.argv[1] === import.meta.filename) await main([writes], 'node bench/writes.mjs');
