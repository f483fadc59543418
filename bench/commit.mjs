// Room: bench. Commits: `node bench/commit.mjs [--path PATH] [--quick]`. Our store, a program on liburing alone that writes the same
// blocks in the same phases (bench/native/phases.c), which is the limit, and five whole copies through fs.promises.
import { grounds } from './frame/ground.mjs';
import { main } from './frame/main.mjs';
import { measuredProgram, nativeProgram } from './frame/measured-program.mjs';
import { blockBytes } from './frame/ours.mjs';
import { sideProcess } from './frame/side-process.mjs';
import { phasesOf } from './sides/commit.mjs';

const module = new URL('sides/commit.mjs', import.meta.url).href;
const ours = 'dmremap';
const native = 'C on liburing';
const whole = 'five whole copies, fs.promises';

export const oneChanged = [
  { change: 'one', entries: 100 },
  { change: 'one', entries: 2048 },
];
const allChanged = { change: 'all', entries: 2048 };
/** For many callers: from an empty table to a full one. */
const filled = { change: 'filled', entries: 2048 };

const withComma = (count) => count.toLocaleString('en');
/** A commit goes through more code than a write: V8 takes some thousand of them to compile it. */
const longer = ({ warmUpMs, ...length }) => ({ ...length, warmUpMs: 4 * warmUpMs });
const script = (name, code, job) => ({
  name,
  start: (length) => sideProcess(module, code, job, longer(length)),
});

/** One caller, beside the same writes and beside whole copies. */
async function alone({ name, title, path, firstBlock }, table) {
  const job = { ...table, path, firstBlock, callers: 1 };
  const program = nativeProgram('phases');
  const spec = specOf(await phasesOf(job), firstBlock * blockBytes);
  const one = table.change === 'one';
  const what = one ? 'one remap' : 'all remaps';
  const entries = `${withComma(table.entries)} entries`;
  const where = `${name}, ${what}, ${entries}`;
  const goal = (to, atLeast) =>
    one && atLeast !== undefined ? { goal: { what: `commits a second, ${where} : ${to}`, atLeast } } : {};
  const made = name !== 'path';
  return {
    name: `${name}-${table.change}-${table.entries}`,
    title: `${title}, ${what}, ${entries}`,
    sides: [
      script(ours, 'dmremap', job),
      script(whole, 'whole copies', job),
      {
        name: native,
        start: async (length) => measuredProgram((ms) => [program, path, String(ms), spec], length),
      },
    ],
    ratios: [
      { of: ours, to: native, measure: 'rate', ...goal(native, { loop: 0.75, file: 0.9 }[name]) },
      { of: ours, to: native, measure: 'cpu' },
      { of: ours, to: whole, measure: 'rate', ...goal(whole, made ? 6 : undefined) },
    ],
  };
}

/** Phases as bench/native/phases.c is told them. @param start where the store begins, in bytes. */
export const specOf = (phases, start) =>
  phases
    .map((writes) => writes.map(({ offset, length }) => `${start + offset}:${length}`).join(','))
    .join('/');

/** One changed entry, in a small table and in a full one. */
function bySize({ name, title, path, firstBlock }) {
  const side = ({ entries }) => `${withComma(entries)} entries`;
  const [small, large] = oneChanged.map(side);
  const what = `CPU of a commit, ${name}, one remap, ${large} : ${small}`;
  return {
    name: `${name}-entries`,
    title: `${title}, one remap`,
    sides: oneChanged.map((table) =>
      script(side(table), 'dmremap', { ...table, path, firstBlock, callers: 1 }),
    ),
    ratios: [
      {
        of: large,
        to: small,
        measure: 'cpu',
        ...(name === 'path' ? {} : { goal: { what, atMost: 1.1 } }),
      },
    ],
  };
}

/** Who comes while a commit is under way shares the next one. One operation is a changed entry of one caller. */
function together({ name, title, path, firstBlock }, counts) {
  const side = (callers) => `${callers} caller${callers === 1 ? '' : 's'}`;
  const what = `changes a second, ${name}, ${side(64)} : ${side(1)}`;
  return {
    name: `${name}-callers`,
    title: `${title}, changes of one remap, group-committed`,
    sides: counts.map((callers) =>
      script(side(callers), 'dmremap', { ...filled, path, firstBlock, callers }),
    ),
    ratios: [
      {
        of: side(64),
        to: side(1),
        measure: 'rate',
        ...(name === 'path' ? {} : { goal: { what, atLeast: 20 } }),
      },
    ],
  };
}

const plot = (name, title, measure, groups) => ({ name, title, measure, groups });

export const commit = {
  name: 'commit',
  title: 'commits, alone and shared by up to 256 callers',
  usesPath: true,
  withEngine: true,
  async groups(job) {
    const places = await grounds(job);
    const [tables, counts] = job.quick
      ? [[oneChanged[1]], [1, 64]]
      : [
          [...oneChanged, allChanged],
          [1, 4, 16, 64, 256],
        ];
    const groups = places.flatMap((place) => [
      ...tables.map((table) => alone(place, table)),
      bySize(place),
      together(place, counts),
    ]);
    return Promise.all(groups);
  },
  plots: ['file', 'loop', 'path'].flatMap((place) => [
    plot(`rate-${place}`, 'Commits a second', 'rate', new RegExp(`^${place}-(one|all)-`)),
    plot(`written-${place}`, 'Bytes that a commit writes', 'written', new RegExp(`^${place}-(one|all)-`)),
    plot(`callers-${place}`, 'Changes a second, group-committed', 'rate', new RegExp(`^${place}-callers$`)),
    plot(
      `written-callers-${place}`,
      'Bytes written for each change, group-committed',
      'written',
      new RegExp(`^${place}-callers$`),
    ),
  ]),
};

if (process.argv[1] === import.meta.filename) await main([commit], 'node bench/commit.mjs');
