// What `npm run validate` prints.

const row = (widths, cells) =>
  `  ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[at]))).join(' ')}`.trimEnd();

export function zeroTable(zeros, { removals, exits }) {
  const lines = Object.entries(zeros).map(([name, value]) => row([40, 8], [name, String(value)]));
  const title = `${removals} removals on healthy, hanging and failing devices, ${exits} exits with live targets, every engine`;
  return [title, ...lines, ''].join('\n');
}

export function overheadLine({ ratio, trackedMicroseconds, bareMicroseconds }) {
  const { p10, p50, p90, count } = ratio;
  const us = ({ p50: median }) => `${median.toFixed(1)} us`;
  return [
    'completion tracking: durable writes of 4 KiB through a target beside the same through its device',
    row([40, 8], ['ratio, median', p50.toFixed(2)]),
    row([40, 8], [`ratio, p10 to p90 of ${count} rounds`, `${p10.toFixed(2)} to ${p90.toFixed(2)}`]),
    row([40, 8], ['medians', `${us(trackedMicroseconds)}, bare ${us(bareMicroseconds)}`]),
    '',
  ].join('\n');
}

const ms = (value) => value.toFixed(1);

export function optionTable(options) {
  const widths = [26, 9, 9, 9, 8, 8, 10, 10];
  const head = row(widths, ['milliseconds', 'p50', 'p99', 'max', 'leaked', 'ghosts', 'stayed', 'refused']);
  const lines = Object.values(options).flatMap((option) => {
    const { title, presuspendMs, destroyMs, leaked, ghosts, stayed, refused, rounds } = option;
    const counts = [String(leaked), String(ghosts), `${stayed}/${rounds}`, `${refused}/${rounds}`];
    const times = ({ p50, p99, max }) => [ms(p50), ms(p99), ms(max)];
    return [
      title,
      ...(presuspendMs === null ? [] : [row(widths, ['  presuspend', ...times(presuspendMs)])]),
      row(widths, ['  destroy', ...times(destroyMs), ...counts]),
    ].map((line, at) => (at === 0 ? `  ${line}` : line));
  });
  return [
    'removal with 1,000 stuck writes, 64 of them in the kernel: leaked operations, ghost writes over a successor, processes that',
    'stayed while the device hung, successors that were refused until all had landed',
    head,
    ...lines,
    '',
  ].join('\n');
}
