// Room: cli. The small pieces of people's output: tables, times, sizes, a little colour.
import { entryFlags } from '../format/structure.js';
import type { Severity } from '../store/lint.js';
import type { Context } from './context.js';

export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

/** Rows under their titles, two spaces apart, without spaces at the end of a line. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0)));
  return lines.map((line) =>
    columns
      .map(({ align }, at) => {
        const cell = line[at] ?? '';
        const width = widths[at] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
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
export const counted = (count: number, one: string, more = `${one}s`): string =>
  `${count} ${count === 1 ? one : more}`;

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
export function painter({ stdout, env }: Context): (tone: Tone, text: string) => string {
  const plain = !stdout.isTTY || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb';
  return (tone, text) => (plain ? text : `\u001b[${sgr[tone]}m${text}\u001b[0m`);
}
