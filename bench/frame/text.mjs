// Room: bench, pure part. What people read: the header, a table for each group, the goals.
import { measures } from './result.mjs';

/** Rows of cells: the first is flush left, the others are flush right. */
function table(rows) {
  const widths = rows[0].map((_, at) => Math.max(...rows.map((row) => row[at].length)));
  return rows.map((row) =>
    `  ${row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]) : cell.padStart(widths[at]))).join('  ')}`.trimEnd(),
  );
}

const scales = {
  ns: [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'us'],
    [1, 'ns'],
  ],
  '1/s': [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
    [1, ''],
  ],
  bytes: [
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
    [1, 'bytes'],
  ],
};

/** Three digits that count, or as many as there are before the point. */
function digits(value) {
  const rounded = Number(value.toPrecision(3));
  return rounded.toFixed(Math.max(0, 2 - Math.floor(Math.log10(rounded))));
}

/** A value in the unit that leaves a digit before the point. */
export function valueText(value, unit) {
  const [scale, name] = scales[unit].find(([least]) => value >= least) ?? scales[unit].at(-1);
  return `${digits(value / scale)} ${name}`.trimEnd();
}

const ratioText = (value) => `${digits(value)} x`;

/** A text of somebody else's, without what would steer a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
export const printable = (text) => text.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, '?');

/** All versions but our own, which has a line for itself. */
const namesOf = ({ dmremap: _, ...others }) =>
  Object.entries(others)
    .map((pair) => pair.join(' '))
    .join(', ');

export function headerText({ date, machine, engine, path, versions, loadAverage, quick }) {
  const { cpu, cpus, memoryBytes, kernel, architecture, product } = machine;
  const lines = [
    ['date', date],
    [
      'machine',
      `${cpus} x ${cpu}, ${valueText(memoryBytes, 'bytes')}${product === null ? '' : `, ${product}`}`,
    ],
    ['kernel', `Linux ${kernel} ${architecture}`],
    ['dmremap', versions.dmremap],
    ['versions', namesOf(versions)],
    ...(engine === null ? [] : [['engine', engine]]),
    ...(path === null ? [] : [['path', printable(path)]]),
    ['load', `${loadAverage.map((load) => load.toFixed(2)).join(' ')} (1, 5, 15 minutes)`],
  ];
  // One of the CPUs is ours. What else runs is noise.
  if (loadAverage[0] > cpus / 2) lines.push(['', 'others use this machine: the figures are noisy']);
  if (quick) lines.push(['', '--quick: the figures are too short to judge by']);
  return [...lines.map(([name, text]) => `  ${name.padEnd(10)}${text}`), ''].join('\n');
}

/** A group: its sides, and below them the ratios. */
function groupText({ title, sides, ratios }) {
  const of = Object.keys(sides[0].measures);
  const shown = (measure, value) => valueText(value, measures[measure].unit);
  const [main, ...others] = of;
  const head = ['', measures[main].title, 'min', 'max', ...others.map((measure) => measures[measure].title)];
  const rows = sides.map((side) => {
    const { median, min, max } = side.measures[main];
    return [
      `  ${side.name}`,
      ...[median, min, max].map((value) => shown(main, value)),
      ...others.map((measure) => shown(measure, side.measures[measure].median)),
    ];
  });
  const ratioRows = ratios.map(({ of, to, measure, median, min, max }) => [
    `  ${of} : ${to}, ${measures[measure].title}`,
    ...[median, min, max].map(ratioText),
    ...others.map(() => ''),
  ]);
  return [`  ${title}`, ...table([head, ...rows, ...ratioRows])];
}

function boundText({ atLeast, atMost, unit }) {
  const bound = atLeast ?? atMost;
  return `${atLeast === undefined ? '<=' : '>='} ${unit === undefined ? `${bound} x` : valueText(bound, unit)}`;
}

const reachedText = ({ median, value, unit }) =>
  unit === undefined ? ratioText(median) : valueText(value, unit);

/** A goal, its bound, what was reached, and whether that is enough. */
export const goalRow = (goal) => [
  goal.what,
  boundText(goal),
  reachedText(goal),
  goal.met ? 'met' : 'NOT MET',
];

/** The goals that were measured. */
function goalsText(goals) {
  if (goals.length === 0) return [];
  return [...table([['goal', '', 'reached', ''], ...goals.map(goalRow)]), ''];
}

/** A benchmark: what was measured, its groups and its goals. */
export function benchmarkText({ name, title, groups, goals }) {
  const rounds = groups[0]?.rounds;
  return [
    `${name}: ${title}`,
    `  medians of ${rounds} rounds in turn, least and greatest; ratios of the same round`,
    '',
    ...groups.flatMap((group) => [...groupText(group), '']),
    ...goalsText(goals),
  ].join('\n');
}
