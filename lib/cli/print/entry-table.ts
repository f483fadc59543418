// Room: cli, pure part. Entries of a table that something is said of, for people: the first of them, and how many more there are.
import type { RemapEntry } from '../../format/structure.js';
import { type Column, table } from './text.js';

/** The others are in the document. */
export const shownEntries = 20;

interface Listed {
  readonly index: number;
  readonly entry: Pick<RemapEntry, 'originalSector' | 'spareSector'>;
}

/** @param columns what is said of each, in `cells`. */
export function entryTable<One extends Listed>(
  all: readonly One[],
  columns: readonly Column[],
  cells: (one: One) => readonly string[],
  spareTitle = 'spare',
): string[] {
  const more = all.length - shownEntries;
  return [
    ...table(
      [
        { title: 'index', align: 'right' },
        { title: 'original', align: 'right' },
        { title: spareTitle, align: 'right' },
        ...columns,
      ],
      all.slice(0, shownEntries).map((one) => {
        const { index, entry } = one;
        return [`${index}`, `${entry.originalSector}`, `${entry.spareSector}`, ...cells(one)];
      }),
    ),
    ...(more > 0 ? [`... and ${more} more (--json lists them)`] : []),
  ];
}
