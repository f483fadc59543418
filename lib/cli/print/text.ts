// Room: cli. The small pieces of people's output: tables, times, sizes, a little colour.
import { entryFlags } from '../../format/structure.js';
import type { Severity } from '../../store/examine/lint.js';
import type { Surface } from './sink.js';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
  /** Left out where there is no room for all: 1 first, then 2. A column without it always stays. */
  readonly optional?: 1 | 2 | undefined;
}

/** Rows under their titles, two spaces apart, without spaces at the end of a line, in at most `width` where that can be. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width = Number.POSITIVE_INFINITY,
): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, at) =>
    lines.reduce((most, line) => Math.max(most, line[at]?.length ?? 0), 0),
  );
  let shown = columns.map((_, at) => at);
  for (const least of [1, 2]) {
    const total = shown.reduce((sum, at) => sum + (widths[at] ?? 0), 2 * (shown.length - 1));
    if (total > width) shown = shown.filter((at) => columns[at]?.optional !== least);
  }
  return lines.map((line) =>
    shown
      .map((at) => {
        const cell = line[at] ?? '';
        const padding = widths[at] ?? 0;
        return columns[at]?.align === 'right' ? cell.padStart(padding) : cell.padEnd(padding);
      })
      .join('  ')
      .trimEnd(),
  );
}

/**
 * How wide a line of people's output may be. COLUMNS is what the user prefers (environ(7)); a terminal says it itself.
 * Elsewhere nothing is wrapped and no column is left out: a line is a whole statement there, for grep and diff.
 */
export function widthOf({ stdout, env }: Surface): number {
  const wish = env.COLUMNS ?? '';
  const asked = /^[1-9][0-9]{0,5}$/.test(wish) ? Number(wish) : undefined;
  const width = asked ?? (stdout.isTTY ? stdout.columns : undefined) ?? Number.POSITIVE_INFINITY;
  return width < narrowest ? narrowest : width;
}

const narrowest = 40; //  Below that a text is one word a line.

//  What sets a colour takes no room.
// biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what it looks for
const sgrCodes = /\u001b\[[0-9;]*m/g;
const roomOf = (text: string): number => text.replace(sgrCodes, '').length;

/**
 * Lines that are too wide, broken at spaces. What follows goes below the text of its line: that begins behind the last gap
 * of two spaces or more.
 */
export const folded = (lines: readonly string[], width: number): string[] =>
  lines.flatMap((line) => (roomOf(line) <= width ? [line] : foldedLine(line, width)));

function foldedLine(line: string, width: number): string[] {
  const gap = /^.* {2,}(?=\S)/.exec(line)?.[0] ?? '';
  const margin = roomOf(gap);
  //  A heading of its own has no gap: what follows it stands in by as much as anything below it.
  const hang = margin === 0 ? 4 : margin;
  if (hang > width / 2) return [line];
  const [first = '', ...others] = line.slice(gap.length).split(' ');
  const lines = [gap + first];
  for (const word of others) {
    const last = lines.at(-1) ?? '';
    if (roomOf(last) + 1 + roomOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(' '.repeat(hang) + word);
  }
  return lines;
}

/** A text in lines of at most so many columns, broken at spaces; a longer word has a line of its own. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Indents what is not empty. */
export const indented = (lines: readonly string[]): string[] => lines.map((line) => line && `  ${line}`);

/** `3 entries`. */
export const counted = (count: number | bigint, one: string, more = `${one}s`): string =>
  `${count} ${BigInt(count) === 1n ? one : more}`;

const lastDate = 8_640_000_000_000n; //  The last second of ECMAScript's calendar.

/** Seconds since the epoch as UTC. */
export function utcOf(seconds: bigint): string {
  if (seconds > lastDate) return 'beyond the calendar';
  return new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z');
}

/** Nanoseconds since the epoch as UTC, to the second. */
export const utcOfNanoseconds = (nanoseconds: bigint): string => utcOf(nanoseconds / 1_000_000_000n);

/** `16384 sectors (8.0 MiB)`. */
export function sectorsText(sectors: bigint): string {
  return `${sectors} ${sectors === 1n ? 'sector' : 'sectors'} (${bytesText(sectors * 512n)})`;
}

/** A size in the largest unit that leaves a digit before the point. */
export function bytesText(bytes: bigint): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB'];
  let at = 0;
  let tenths = bytes * 10n;
  while (tenths >= 10_240n && at < units.length - 1) {
    tenths /= 1024n;
    at += 1;
  }
  return at === 0 ? `${bytes} bytes` : `${tenths / 10n}.${tenths % 10n} ${units[at]}`;
}

/** The names of an entry's flag bits. */
export function flagsText(flags: number): string {
  const names = Object.entries(entryFlags).flatMap(([name, bit]) =>
    flags & bit ? [name.toUpperCase()] : [],
  );
  const known = entryFlags.pending | entryFlags.active;
  if (flags & ~known) names.push(`0x${(flags & ~known).toString(16)}`);
  return names.join('+') || '-';
}

const sgr = { error: '31;1', warning: '33', info: '36', good: '32;1' } as const;
export type Tone = Severity | 'good';

/** Colours on a terminal, nothing elsewhere or where NO_COLOR is set (no-color.org: to anything but empty). */
export function painter({ stdout, env }: Surface): (tone: Tone, text: string) => string {
  const plain = !stdout.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return (tone, text) => (plain ? text : `\u001b[${sgr[tone]}m${text}\u001b[0m`);
}
