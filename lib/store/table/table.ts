// Room: store, pure part. A table is its active entries and nothing else: sequence, timestamp and copy index do
// not belong to it (format.md section 5).
import {
  activeRemapsOf,
  checksumOffset,
  entriesOffset,
  entryBytes,
  type RemapEntry,
  structureBytes,
} from '../../format/structure.js';

/**
 * Whether two slots hold the same table: equally many active entries, equal byte for byte. Takes raw slots, because
 * the module may accept what we do not decode.
 */
export const sameTable = (a: Uint8Array, b: Uint8Array): boolean =>
  a === b || Buffer.compare(tableBytes(a), tableBytes(b)) === 0;

function tableBytes(slot: Uint8Array): Uint8Array {
  return slot.subarray(entriesOffset, entriesOffset + activeRemapsOf(slot) * entryBytes);
}

/** For each entry whether it takes part in the mapping: of duplicates of one original only the last does. */
export function effectiveEntries(entries: readonly RemapEntry[]): boolean[] {
  const lastOf = new Map<bigint, number>();
  for (let index = 0; index < entries.length; index += 1) {
    lastOf.set((entries[index] as RemapEntry).originalSector, index);
  }
  return entries.map(({ originalSector }, index) => lastOf.get(originalSector) === index);
}

/** Whether two slots hold one and the same structure: nothing but copy index and checksum may differ. */
export function sameButIndex(a: Uint8Array, b: Uint8Array): boolean {
  const equal = (start: number, end: number) =>
    Buffer.compare(a.subarray(start, end), b.subarray(start, end)) === 0;
  return a === b || (equal(0, checksumOffset) && equal(indexEnd, structureBytes));
}

//  Checksum and copy index follow each other: one hole in the comparison.
const indexEnd = checksumOffset + 8;
