// Room: bench, pure part. Counts beside those that are stored: which are beyond their bounds, and how that reads.

/** What counts are kept with. Where one of these differs the same code takes another number of instructions. */
const circumstances = ['Node.js', 'architecture', 'CPU', 'compiler', 'valgrind'];

/** At least so far may a count be off: V8 may lay out or inline a function in another way when one beside it changes. */
const leastTolerance = 0.01;

/**
 * A row to be stored, from several counts of it.
 * @returns its median, and as tolerance four times the distance of the outer ones, rounded up to a whole per mille.
 */
export function stored(name, counts) {
  const rising = counts.toSorted((a, b) => a - b);
  const count = rising[rising.length >> 1];
  const spread = (rising.at(-1) - rising[0]) / count;
  const tolerance = Math.ceil(Math.max(leastTolerance, 4 * spread) * 1000) / 1000;
  return { name, count: Math.round(count * 10) / 10, spread: Number(spread.toFixed(6)), tolerance };
}

/**
 * @param before what is stored: its environment and its rows. @param now the same of now, rows with a name and a count.
 * @returns of each row of now what is said of it, and whether it is within its bounds: fewer instructions always are.
 */
export function compare(before, now) {
  const rows = now.rows.map(({ name, count }) => {
    const known = before.rows.find((row) => row.name === name);
    if (known === undefined)
      return { name, stored: null, now: count, ratio: null, verdict: 'not stored', within: false };
    const ratio = count / known.count;
    const [least, most] = [1 - known.tolerance, 1 + known.tolerance];
    const verdict = ratio > most ? 'MORE' : ratio < least ? 'fewer: record it' : 'ok';
    return {
      name,
      stored: known.count,
      now: count,
      ratio,
      tolerance: known.tolerance,
      verdict,
      within: ratio <= most,
    };
  });
  const differing = circumstances.filter((name) => before.environment[name] !== now.environment[name]);
  return {
    rows,
    differences: differing.map((name) => ({
      name,
      stored: before.environment[name] ?? 'unknown',
      now: now.environment[name] ?? 'unknown',
    })),
  };
}

const number = (value) =>
  value === null ? '-' : value.toLocaleString('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/** What people read: where the counts were made elsewhere, a table, and the verdict as the last line. */
export function comparisonText({ rows, differences }) {
  const cells = [
    ['instructions of one operation', 'stored', 'now', 'ratio', 'bounds', 'verdict'],
    ...rows.map(({ name, stored, now, ratio, tolerance, verdict }) => [
      name,
      number(stored),
      number(now),
      ratio === null ? '-' : `${ratio.toFixed(4)} x`,
      tolerance === undefined ? '-' : `+-${(tolerance * 100).toFixed(1)}%`,
      verdict,
    ]),
  ];
  const widths = cells[0].map((_, at) => Math.max(...cells.map((row) => row[at].length)));
  const isText = (at) => at === 0 || at === widths.length - 1;
  const table = cells.map((row) =>
    row
      .map((cell, at) => (isText(at) ? cell.padEnd(widths[at]) : cell.padStart(widths[at])))
      .join('  ')
      .trimEnd(),
  );
  const elsewhere = differences.map(
    ({ name, stored, now }) => `${name}: ${now}, and the stored counts are from ${stored}`,
  );
  if (elsewhere.length > 0) elsewhere.push('So the counts cannot be compared exactly.', '');
  const within = rows.filter((row) => row.within).length;
  return [...elsewhere, ...table, `instructions: ${within} of ${rows.length} within bounds`].join('\n');
}
