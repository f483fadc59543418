// Room: format. Values to bytes. A Metadata is a table with the slot that it came from: what we do not know, pad
// bytes, expansion, ghosts and the tail of the slot, goes back to disk as it was (format.md rule 7).
// A Metadata is never changed; every update derives a new one.
import { joinBytes } from '../base/bytes.js';
import { argumentError, DmremapError } from '../base/errors.js';
import type { Sector, Sequence, UnixNanoseconds, UnixSeconds } from '../base/units.js';
import { structureChecksum } from './checksum.js';
import type { ValidCopy } from './codec.js';
import { writeEntry } from './entry.js';
import { viewOf } from './layout.js';
import {
  activeRemapsOf,
  checksumOffset,
  entriesOffset,
  entryBytes,
  entryFlags,
  formatVersion,
  type Header,
  headerLayout,
  maxEntries,
  maxHealthScore,
  metadataMagic,
  type RemapEntry,
  readHeader,
  slotBytes,
  structureBytes,
} from './structure.js';

/** A table and everything that is written with it. */
export interface Metadata {
  /** What is written but for `checksum` and `copyIndex`, which belong to a copy and are set by `encodeCopy`. */
  readonly header: Header;
  /** The table, at most 2048 entries. */
  readonly entries: readonly RemapEntry[];
  /** The slot that the rest is taken from, 131,072 bytes. Never written to. */
  readonly base: Uint8Array<ArrayBuffer>;
  /** Indexes of ghosts of the base that are given up: they are written as zeros. Never changed. */
  readonly cleared?: ReadonlySet<number> | undefined;
}

/** The metadata of a copy: `encodeCopy(metadataOf(copy), copy.header.copyIndex)` is that copy, byte for byte. */
export const metadataOf = (copy: ValidCopy): Metadata => ({
  header: copy.header,
  entries: copy.entries,
  base: copy.bytes,
});

/** What a new table has to be told. */
interface BlankOptions {
  readonly mainSectors: Sector;
  readonly spareSectors: Sector;
  readonly timestampSeconds: UnixSeconds;
  readonly sequence: Sequence;
}

/**
 * An empty table with what the module writes into a new one (the last column of format.md section 2), and zero in
 * everything else, the tail of the slot included.
 */
export function blankMetadata(options: BlankOptions): Metadata {
  const base = new Uint8Array(slotBytes);
  const header: Header = {
    ...readHeader(base),
    magic: metadataMagic,
    version: formatVersion,
    sequenceNumber: options.sequence,
    timestampSeconds: options.timestampSeconds,
    structureSize: structureBytes,
    mainDeviceSectors: options.mainSectors,
    spareDeviceSectors: options.spareSectors,
    sectorSize: 512,
    healthScore: maxHealthScore,
    scanIntervalHours: 24,
    maxRemaps: maxEntries,
  };
  return { header, entries: [], base };
}

/** The header fields that an update may change. The others follow from the table or from the copy. */
export type HeaderChanges = Partial<
  Omit<Header, 'magic' | 'version' | 'checksum' | 'copyIndex' | 'activeRemaps'>
>;

//  The field has 32 bits, a spare can have more sectors. It is a hint, so it saturates instead of wrapping.
const nextSpareSectorMax = 0xffff_ffffn as Sector;

/** The same table under a changed header: the next sequence, say. `nextSpareSector` saturates at 2^32 - 1. */
export const withHeader = (metadata: Metadata, changes: HeaderChanges): Metadata =>
  derived(metadata, metadata.entries, changes, metadata.cleared);

/**
 * Another table in place of this one. Entries that it no longer reaches are cleared: they were taken out on purpose, or
 * moved up. Ghosts that were there before stay.
 * @throws DmremapError ERR_TABLE_FULL beyond 2048 entries.
 */
export const withEntries = (
  metadata: Metadata,
  entries: readonly RemapEntry[],
  changes: HeaderChanges = {},
): Metadata => withOwnEntries(metadata, [...entries], changes);

/** The same with an array that nobody changes any more. @param cleared indexes of ghosts that go, beside those gone before. */
export function withOwnEntries(
  metadata: Metadata,
  entries: readonly RemapEntry[],
  changes: HeaderChanges,
  cleared: Metadata['cleared'] = metadata.cleared,
): Metadata {
  if (entries.length > maxEntries) throw new DmremapError('ERR_TABLE_FULL');
  return derived(metadata, entries, changes, cleared);
}

function derived(
  { header, base }: Metadata,
  entries: readonly RemapEntry[],
  changes: HeaderChanges,
  cleared: Metadata['cleared'],
): Metadata {
  const { nextSpareSector = header.nextSpareSector } = changes;
  return {
    header: {
      ...header,
      ...changes,
      activeRemaps: entries.length,
      nextSpareSector: nextSpareSector > nextSpareSectorMax ? nextSpareSectorMax : nextSpareSector,
    },
    entries,
    base,
    cleared,
  };
}

/** What is written of it, but for checksum and copy index: what it counts is the table. */
export const headerOf = ({ header, entries }: Metadata): Header =>
  header.activeRemaps === entries.length ? header : { ...header, activeRemaps: entries.length };

/** What a new remap entry has to be told. */
interface EntryOptions {
  readonly originalSector: Sector;
  readonly spareSector: Sector;
  readonly remapTimestampNs: UnixNanoseconds;
}

/** A remap entry as the module would write it once it is in force: ACTIVE, one error, never accessed. */
export const remapEntry = (options: EntryOptions): RemapEntry => ({
  originalSector: options.originalSector,
  spareSector: options.spareSector,
  remapTimestampNs: options.remapTimestampNs,
  accessCount: 0,
  errorCount: 1,
  remapReason: 0,
  flags: entryFlags.active,
  padding: 0,
});

/**
 * The bytes of one slot: the base with the header, the entries and a checksum of its own.
 * @param copyIndex what the copy says its number is, 0 to 2^32 - 1. The module writes one number into all five.
 * @param tailOf the slot that is about to be overwritten, 131,072 bytes: its bytes behind the structure stay as
 *   they are there, and not as they are in the base. A live entry can have its data in them (format.md rule 14).
 * @throws RangeError ERR_OUT_OF_RANGE where a value does not fit its field.
 */
export function encodeCopy(
  metadata: Metadata,
  copyIndex: number,
  tailOf: Uint8Array = metadata.base,
): Uint8Array<ArrayBuffer> {
  if (tailOf.length !== slotBytes) {
    throw argumentError('ERR_OUT_OF_RANGE', `a slot is ${slotBytes} bytes, not ${tailOf.length}`);
  }
  const slot = joinBytes(metadata.base.subarray(0, structureBytes), tailOf.subarray(structureBytes));
  const view = viewOf(slot);
  headerLayout.write(view, 0, { ...metadata.header, copyIndex, activeRemaps: metadata.entries.length });
  const before = activeRemapsOf(metadata.base);
  const end = Math.max(before, metadata.entries.length);
  putEntries(slot.subarray(entriesOffset), metadata, 0, end);
  for (const index of metadata.cleared ?? []) {
    if (index >= end)
      slot.fill(0, entriesOffset + index * entryBytes, entriesOffset + (index + 1) * entryBytes);
  }
  view.setUint32(checksumOffset, structureChecksum(slot), true);
  return slot;
}

/**
 * The bytes of the entries from `first` up to `end`. Behind the table they are those of the base, a ghost or zero, but for
 * entries of its own that are not reached any more, and ghosts that were given up: these are cleared.
 */
export function entriesBytes(metadata: Metadata, first: number, end: number): Uint8Array<ArrayBuffer> {
  const bytes = metadata.base.slice(entriesOffset + first * entryBytes, entriesOffset + end * entryBytes);
  putEntries(bytes, metadata, first, end);
  return bytes;
}

/** Puts these entries over those of the base, the bytes of which are there. */
function putEntries(
  bytes: Uint8Array,
  { base, entries, cleared }: Metadata,
  first: number,
  end: number,
): void {
  const count = activeRemapsOf(base);
  const view = viewOf(bytes);
  for (let index = first; index < end; index += 1) {
    const at = (index - first) * entryBytes;
    const entry = entries[index];
    if (entry !== undefined) writeEntry(view, at, entry);
    else if (index < count || cleared?.has(index)) bytes.fill(0, at, at + entryBytes);
  }
}
