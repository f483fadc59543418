// Room: format. One remap entry, read and written field by field where the layout would loop over them: a table has up to
// 2,048, and every entry that is read gets the same shape. Places and widths are the layout's.
import type { Sector, UnixNanoseconds } from '../base/units.js';
import { viewOf } from './layout.js';
import { entriesOffset, entryBytes, entryFlags, entryLayout, type RemapEntry } from './structure.js';

const at = entryLayout.offsets;

/** The entry at byte `base` of a view, which must hold all of it. */
export const entryAt = (view: DataView, base: number): RemapEntry => ({
  originalSector: view.getBigUint64(base + at.originalSector, true) as Sector,
  spareSector: view.getBigUint64(base + at.spareSector, true) as Sector,
  remapTimestampNs: view.getBigUint64(base + at.remapTimestampNs, true) as UnixNanoseconds,
  accessCount: view.getUint32(base + at.accessCount, true),
  errorCount: view.getUint32(base + at.errorCount, true),
  remapReason: view.getUint16(base + at.remapReason, true),
  flags: view.getUint16(base + at.flags, true),
  padding: view.getUint32(base + at.padding, true),
});

/** Whether a running target of the module leaves the entry unused: it does until it is created again (format.md section 5). */
export const isPending = ({ flags }: Pick<RemapEntry, 'flags'>): boolean =>
  (flags & entryFlags.pending) !== 0;

/** An entry with the same fields. Spreading one would give each copy a shape of its own. */
export const copyOfEntry = (entry: RemapEntry): RemapEntry => ({
  originalSector: entry.originalSector,
  spareSector: entry.spareSector,
  remapTimestampNs: entry.remapTimestampNs,
  accessCount: entry.accessCount,
  errorCount: entry.errorCount,
  remapReason: entry.remapReason,
  flags: entry.flags,
  padding: entry.padding,
});

/** The entry at `index` (0 to 2047) of a slot, whether the table counts it or not. */
export const readEntry = (slot: Uint8Array, index: number): RemapEntry =>
  entryAt(viewOf(slot), entriesOffset + index * entryBytes);

/**
 * Writes an entry at byte `base` of a view.
 * @throws RangeError ERR_OUT_OF_RANGE where a value does not fit its field.
 */
export function writeEntry(view: DataView, base: number, entry: RemapEntry): void {
  // The layout knows the name of what does not fit.
  if (!fits(entry)) {
    entryLayout.write(view, base, entry);
    return;
  }
  view.setBigUint64(base + at.originalSector, entry.originalSector, true);
  view.setBigUint64(base + at.spareSector, entry.spareSector, true);
  view.setBigUint64(base + at.remapTimestampNs, entry.remapTimestampNs, true);
  view.setUint32(base + at.accessCount, entry.accessCount, true);
  view.setUint32(base + at.errorCount, entry.errorCount, true);
  view.setUint16(base + at.remapReason, entry.remapReason, true);
  view.setUint16(base + at.flags, entry.flags, true);
  view.setUint32(base + at.padding, entry.padding, true);
}

const fits = (entry: RemapEntry): boolean =>
  isU64(entry.originalSector) &&
  isU64(entry.spareSector) &&
  isU64(entry.remapTimestampNs) &&
  isU32(entry.accessCount) &&
  isU32(entry.errorCount) &&
  isU16(entry.remapReason) &&
  isU16(entry.flags) &&
  isU32(entry.padding);

// What a width cannot hold is something else when it is cut to it.
const isU64 = (value: bigint): boolean => typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
const isU32 = (value: number): boolean => typeof value === 'number' && value >>> 0 === value;
const isU16 = (value: number): boolean => typeof value === 'number' && (value & 0xffff) === value;
