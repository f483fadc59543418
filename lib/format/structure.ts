// Room: format. The structure of format.md section 2, field by field, naturally aligned: what the x86_64 module
// writes. There is no ABI marker; structureSize is the only mark that tells this layout from a 32-bit one.
import { layout, type RecordOf, viewOf } from './layout.js';

/** First four bytes of a copy, read as a little-endian u32 (bytes 34 52 4D 44). */
export const metadataMagic = 0x444d5234;
/** The only version that the module accepts. */
export const formatVersion = 4;
/** Bytes of the structure, and what structureSize says where it was written by an x86_64 module. */
export const structureBytes = 84_288;
/** What structureSize says where a 32-bit x86 module wrote it, with other offsets. */
export const structureBytes386 = 76_092;
/** Bytes of a slot: one dm-bufio block of the module. The structure lies at its start. */
export const slotBytes = 131_072;
/** Copies, numbered 0 to 4. */
export const copyCount = 5;
/** Entries that the table has room for; the module rejects a copy that claims more. */
export const maxEntries = 2048;
/** The highest health score that the module accepts. */
export const maxHealthScore = 100;
/** How far a timestamp may lie ahead of the clock before the module rejects the copy: one day. */
export const futureToleranceSeconds = 86_400n;

/** Bytes of one remap entry. */
export const entryBytes = 40;
/** Byte offset of the first entry. */
export const entriesOffset = 312;
/** Byte offset of the expansion area, behind the last entry. */
export const trailerOffset = 82_232;
/** Byte offset of the checksum; the four bytes from here are outside of it. */
export const checksumOffset = 24;
/** Byte offset of the copy index, which follows the checksum. */
export const copyIndexOffset = 28;

/** Everything before the entries, bytes 0 to 311 (format.md section 2). */
export const headerLayout = layout(entriesOffset, [
  ['magic', 'u32'],
  ['version', 'u32'],
  ['sequenceNumber', 'u64 sequence'],
  ['timestampSeconds', 'u64 seconds'],
  ['checksum', 'u32'], //  Over everything but itself.
  ['copyIndex', 'u32'], //  Inside the checksum. The module carries the restored copy's into all five.
  ['structureSize', 'u32'], //  The only mark that tells one ABI from another.
  ['reserved', 'u32'],
  ['mainDeviceUuid', 'bytes', 37],
  ['spareDeviceUuid', 'bytes', 37],
  ['padding', 'bytes', 6], //  Inside the checksum like all padding, so it is kept.
  ['mainDeviceSectors', 'u64 sector'],
  ['spareDeviceSectors', 'u64 sector'],
  ['sectorSize', 'u32'],
  ['remapCapacity', 'u32'],
  ['deviceFingerprint', 'bytes', 32],
  ['deviceModel', 'bytes', 64],
  ['lastFullScan', 'u64'],
  ['nextScheduledScan', 'u64'],
  ['healthScore', 'u32'],
  ['scanProgressPercent', 'u32'],
  ['totalErrorsFound', 'u32'],
  ['predictiveRemaps', 'u32'],
  ['scanIntervalHours', 'u32'],
  ['scanFlags', 'u32'],
  ['sectorsScanned', 'u32'],
  ['errorsDetected', 'u32'],
  ['slowSectorsFound', 'u32'],
  ['scanInterruptions', 'u32'],
  ['activeRemaps', 'u32'], //  From disk: never a size to allocate.
  ['maxRemaps', 'u32'],
  ['nextSpareSector', 'u32 sector'], //  A hint: the module never updates it, nobody may trust it.
  ['remapFlags', 'u32'],
]);
/** The header of a copy, as it is on disk. */
export type Header = RecordOf<typeof headerLayout>;

/** One remap entry, 40 bytes (format.md section 2). */
export const entryLayout = layout(entryBytes, [
  ['originalSector', 'u64 sector'], //  On the main device.
  ['spareSector', 'u64 sector'], //  Absolute, on the spare.
  ['remapTimestampNs', 'u64 nanoseconds'], //  Nanoseconds, where the header has seconds.
  ['accessCount', 'u32'],
  ['errorCount', 'u32'],
  ['remapReason', 'u16'],
  ['flags', 'u16'],
  ['padding', 'u32'], //  Inside the checksum, so it is kept.
]);
/** A remap entry, as it is on disk: original sector -> spare sector. */
export type RemapEntry = RecordOf<typeof entryLayout>;

/** Bits of an entry's `flags`. On load the module makes every entry ACTIVE (format.md section 5). */
export const entryFlags = { pending: 1, active: 2 } as const;

/** The expansion area behind the entries. Nothing writes it; it is inside the checksum, so it is kept. */
export const trailerLayout = layout(structureBytes - trailerOffset, [
  ['expansionVersion', 'u32'],
  ['expansionSize', 'u32'],
  ['expansionData', 'bytes', 2048],
]);

if (entriesOffset + maxEntries * entryBytes !== trailerOffset) {
  throw new Error('the entries do not end where the expansion area begins');
}

/** The header of a slot, whatever its bytes are. The slot must hold at least 312 of them. */
export const readHeader = (slot: Uint8Array): Header => headerLayout.read(viewOf(slot), 0);

/** How many entries the table of a slot has, whatever its bytes are: at most the 2048 that there is room for. */
export const activeRemapsOf = (slot: Uint8Array): number =>
  Math.min(viewOf(slot).getUint32(headerLayout.offsets.activeRemaps, true), maxEntries);
