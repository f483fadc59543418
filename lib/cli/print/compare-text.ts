// Room: cli, pure part. `examine --compare` for people: which copies are the same, and in what the others differ.
import { structureBytes } from '../../format/structure.js';
import type {
  Comparison,
  CopyDifference,
  CopyGroup,
  EntriesDifference,
  EntryDifference,
} from '../../store/examine/compare.js';
import { clausesFor, copiesText, listOf, sentence } from '../../store/table/phrases.js';
import { type Column, counted, folded, indented, table } from './text.js';

/** How it is shown. */
interface CompareTextOptions {
  /** Every difference, not only the first 20 of a kind. */
  readonly all: boolean;
  /** Of a line, in columns. */
  readonly width: number;
}

const shown = 20;

/** The lines. */
export function comparisonLines(comparison: Comparison, options: CompareTextOptions): string[] {
  const { copies, left, groups, differences } = comparison;
  const fold = (lines: readonly string[]) => folded(lines, options.width);
  const gone = clausesFor(left.map(({ copy, why }) => ({ copy, text: why })));
  return [
    copies.length === 0 ? 'Compared: none' : `Compared: ${copiesText(copies)}`,
    ...fold(indented([...gone.map((clause) => sentence(`${clause}: not compared`)), ...groupLines(groups)])),
    '',
    ...differences.flatMap((difference) => [...differenceLines(difference, options), '']),
    ...fold(slackLines(comparison)),
  ];
}

function groupLines(groups: readonly CopyGroup[]): string[] {
  if (groups.length === 1 && groups[0]?.copies.length === 1) return [];
  const alone = groups.flatMap(({ copies }) => (copies.length === 1 ? copies : [])).toSorted();
  return [
    ...groups
      .filter(({ copies }) => copies.length > 1)
      .map(({ copies, identical }) => {
        const but = identical ? '' : ' but for copy_index and metadata_checksum';
        return `Copies ${listOf(copies)} are the same${but}.`;
      }),
    ...clausesFor(alone.map((copy) => ({ copy, text: 'is like no other' }))).map(sentence),
  ];
}

function differenceLines(difference: CopyDifference, { all, width }: CompareTextOptions): string[] {
  const { a, b, fields, entries, ghosts, ranges, differingBytes } = difference;
  const titles = [{ title: `copy ${a}` }, { title: `copy ${b}` }];
  const inner = (columns: readonly Column[], rows: readonly (readonly string[])[]) =>
    indented(indented(table(columns, some(rows, all), width - 4)));
  const more = (rows: readonly unknown[]) =>
    all || rows.length <= shown ? [] : [`    ... and ${rows.length - shown} more (--all lists them)`];
  const list = (title: string, columns: readonly Column[], rows: readonly (readonly string[])[]) =>
    rows.length === 0 ? [] : [`  ${title}`, ...inner(columns, rows), ...more(rows)];
  const entryList = (title: string, { differences, moved }: EntriesDifference) => {
    const both = differences.some(({ fields: changed }) => changed.length > 0);
    const columns = [
      right('original'),
      ...titles,
      ...(both ? [{ title: 'what differs', optional: 1 as const }] : []),
    ];
    return [
      ...list(title, columns, differences.map(entryRow)),
      ...(moved > 0 ? [`  ${title}: ${moved} more are the same at another index`] : []),
    ];
  };
  return [
    `Copy ${a} against copy ${b}`,
    ...list(
      'fields',
      [{ title: 'field' }, ...titles],
      fields.map((one) => [one.field, valueText(one.a), valueText(one.b)]),
    ),
    ...entryList('entries', entries),
    ...entryList('ghosts', ghosts),
    ...list(
      `bytes: ${differingBytes} of ${structureBytes} differ, in ${counted(ranges.length, 'range')}`,
      [right('offset'), right('length'), { title: 'in' }],
      ranges.map((range) => [`${range.offset}`, `${range.length}`, fieldsText(range.fields)]),
    ),
  ];
}

const right = (title: string): Column => ({ title, align: 'right' });

const some = <T>(rows: readonly T[], all: boolean): readonly T[] => (all ? rows : rows.slice(0, shown));

const widestValue = 24;

/** Both values have to fit a line; --json has the whole. */
function valueText(text: string): string {
  if (text === '') return '(empty)';
  return text.length <= widestValue ? text : `${text.slice(0, widestValue - 3)}...`;
}

const fieldsText = (fields: readonly string[]): string =>
  fields.length <= 2 ? fields.join(', ') : `${fields[0]} to ${fields.at(-1)}`;

function entryRow({ a, b, fields }: EntryDifference): string[] {
  const text = (entry: EntryDifference['a']) =>
    entry === null ? '-' : `-> ${entry.spareSector} (index ${entry.index})`;
  return [`${(a ?? b)?.originalSector}`, text(a), text(b), fields.join(', ')];
}

function slackLines({ copies, slack }: Comparison): string[] {
  const { groups, differences } = slack;
  if (copies.length === 0) return [];
  const told = groups.map(
    ({ copies: same, zero }) =>
      `${copiesText(same)}: ${zero ? 'zero' : 'not zero'}${same.length > 1 ? ', the same' : ''}`,
  );
  const ranges = differences.map(
    ({ a, b, ranges: found }) =>
      `copy ${a} against copy ${b}: ${counted(found.length, 'range')} from byte ${found[0]?.offset} to ${lastByte(found.at(-1))}`,
  );
  return ['Behind the structure, outside of the checksum', ...indented([...told, ...ranges]), ''];
}

const lastByte = (range: { offset: number; length: number } | undefined): number =>
  range === undefined ? 0 : range.offset + range.length - 1;
