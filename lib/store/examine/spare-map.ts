// Room: store, pure part. Where everything lies, for a picture: the slots of the copies, the remaps on both devices, and
// what of it is in the way of something else.
import { type Sector, sector } from '../../base/units.js';
import { slotBytes } from '../../format/structure.js';
import type { RemapTable } from '../table/remap-table.js';
import type { Report, ReportCopy } from './examine.js';
import type { EntryLint, LintId } from './lint.js';
import { tableShown } from './open-table.js';

/** Lints of entries that are in the way of another entry or of the metadata, or that lie beyond a device. */
const collisionIds: readonly LintId[] = [
  'duplicate-spare',
  'spare-inside-metadata',
  'spare-neighbour',
  'original-out-of-range',
  'spare-out-of-range',
];

/** A remap that maps something. */
export interface MappedEntry {
  readonly index: number;
  readonly original: Sector;
  readonly spare: Sector;
  readonly collides: boolean;
}

/** Sectors `first` to `first + count - 1`, each of them remapped or home to a remap. */
export interface MapArea {
  readonly first: Sector;
  readonly count: bigint;
  /** Of these sectors, in their order; more than sectors where two share one. */
  readonly entries: readonly MappedEntry[];
}

/** Sectors of one device. Null where no table tells the size of it. */
export interface MapSide {
  readonly sectors: Sector;
  /** Rising; neighbours are one area. What lies beyond the device is in it too. */
  readonly areas: readonly MapArea[];
}

/** The slot of a copy: its structure takes the first 165 of 256 sectors. */
export interface MapSlot {
  readonly copy: number;
  readonly first: Sector;
  readonly count: bigint;
  readonly state: ReportCopy['slot']['state'];
  /** Remaps that have their data in it (format.md rule 14). */
  readonly data: readonly MappedEntry[];
}

/** The picture of a spare and of the main device that it belongs to. */
export interface SpareMap {
  readonly slots: readonly MapSlot[];
  readonly entries: readonly MappedEntry[];
  readonly main: MapSide | null;
  readonly spare: MapSide | null;
  /** What the table keeps back, and how many remaps are left. Null where there is none. */
  readonly table: Pick<RemapTable, 'held' | 'heldPlaces' | 'ghosts' | 'ghostsElsewhere' | 'remaining'> | null;
  /** The findings behind everything that collides. */
  readonly collisions: readonly EntryLint[];
}

/** Places what a report found. Sizes are those of the table shown, in 512-byte sectors. */
export function mapOf(report: Report): SpareMap {
  const collisions = report.lints.filter(
    (lint): lint is EntryLint => 'entry' in lint && collisionIds.includes(lint.id),
  );
  const colliding = new Set(collisions.map(({ entry }) => entry));
  const entries = report.entries
    .filter(({ effective }) => effective)
    .map(({ index, originalSector, spareSector }) => ({
      index,
      original: originalSector,
      spare: spareSector,
      collides: colliding.has(index),
    }));
  const header = report.shown?.slot.header;
  const side = (sectors: Sector | undefined, place: 'original' | 'spare') =>
    sectors === undefined ? null : { sectors, areas: areasOf(entries, place) };
  const count = BigInt(slotBytes / 512);
  return {
    slots: report.copies.map(({ copy, offset, slot }) => {
      const first = sector(offset / 512n);
      const data = entries.filter(({ spare }) => spare >= first && spare < first + count);
      return { copy, first, count, state: slot.state, data };
    }),
    entries,
    main: side(header?.mainDeviceSectors, 'original'),
    spare: side(header?.spareDeviceSectors, 'spare'),
    table: tableShown(report),
    collisions,
  };
}

function areasOf(entries: readonly MappedEntry[], place: 'original' | 'spare'): MapArea[] {
  const areas: { first: Sector; count: bigint; entries: MappedEntry[] }[] = [];
  for (const entry of entries.toSorted((a, b) => Number(a[place] > b[place]) - Number(a[place] < b[place]))) {
    const last = areas.at(-1);
    const at = entry[place];
    if (last !== undefined && at <= last.first + last.count) {
      last.count = at - last.first + 1n;
      last.entries.push(entry);
    } else areas.push({ first: at, count: 1n, entries: [entry] });
  }
  return areas;
}
