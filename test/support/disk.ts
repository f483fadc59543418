// Disks drawn by tests: slots built field by field, images put together from slots, and what reading them gives.
import { sector, sequence, unixNanoseconds, unixSeconds } from '../../lib/base/units.js';
import { structureChecksum } from '../../lib/format/checksum.js';
import type { SlotRead } from '../../lib/format/damage.js';
import { fits, type GeometryName, geometries } from '../../lib/format/geometry.js';
import { viewOf } from '../../lib/format/layout.js';
import {
  blankMetadata,
  encodeCopy,
  type HeaderChanges,
  remapEntry,
  withEntries,
} from '../../lib/format/metadata.js';
import { checksumOffset, type RemapEntry, slotBytes } from '../../lib/format/structure.js';
import { type ExamineInput, examine, type Report } from '../../lib/store/examine/examine.js';

/** The clock of every drawn disk. */
export const drawnNow = unixSeconds(1_760_000_000);

export interface Drawn {
  readonly sequence?: bigint;
  readonly timestamp?: bigint;
  /** Pairs of original and spare sector. */
  readonly remaps?: readonly (readonly [original: bigint, spare: bigint])[];
  readonly copyIndex?: number;
  readonly header?: HeaderChanges;
}

export const drawnEntry = (original: bigint, spare: bigint): RemapEntry =>
  remapEntry({
    originalSector: sector(original),
    spareSector: sector(spare),
    remapTimestampNs: unixNanoseconds(1_760_000_000_000_000_000n),
  });

/** A valid slot: sequence 1, dated now, one remap, unless it is drawn otherwise. */
export function drawSlot(drawn: Drawn = {}): Uint8Array<ArrayBuffer> {
  const metadata = blankMetadata({
    mainSectors: sector(16_384),
    spareSectors: sector(8192),
    timestampSeconds: unixSeconds(drawn.timestamp ?? drawnNow),
    sequence: sequence(drawn.sequence ?? 1n),
  });
  const remaps = drawn.remaps ?? [[1000n, 3000n]];
  const entries = remaps.map(([original, spare]) => drawnEntry(original, spare));
  return encodeCopy(withEntries(metadata, entries, drawn.header), drawn.copyIndex ?? 0);
}

/** The same slot with other bytes at `offset`, and a checksum that holds unless `seal` is false. */
export function patchSlot(
  slot: Uint8Array,
  offset: number,
  bytes: readonly number[],
  seal = true,
): Uint8Array<ArrayBuffer> {
  const patched = new Uint8Array(slot);
  patched.set(bytes, offset);
  if (seal) viewOf(patched).setUint32(checksumOffset, structureChecksum(patched), true);
  return patched;
}

/** The bytes of a little-endian u32. */
export const u32Bytes = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);

export const blankSlot = (): Uint8Array<ArrayBuffer> => new Uint8Array(slotBytes);

/** A spare with these five copies. */
export const spareImage = (slots: readonly Uint8Array[], bytes = 2 ** 22): Buffer<ArrayBuffer> =>
  Buffer.concat([...slots, new Uint8Array(bytes - slots.length * slotBytes)]);

/** What reading the slots of a geometry from an image gives. */
export const readsOf = (image: Uint8Array, geometry: GeometryName): SlotRead[] =>
  geometries[geometry].slots.map((slot) =>
    fits(slot, BigInt(image.length))
      ? { kind: 'bytes', bytes: image.subarray(Number(slot), Number(slot) + slotBytes) }
      : { kind: 'absent' },
  );

/** Examines an image as the command does. */
export const examineImage = (
  image: Uint8Array,
  options: Partial<Omit<ExamineInput, 'reads' | 'sizeBytes'>> = {},
): Report =>
  examine({
    reads: { driver: readsOf(image, 'driver'), documented: readsOf(image, 'documented') },
    sizeBytes: BigInt(image.length),
    now: drawnNow,
    geometry: 'auto',
    ...options,
  });

/** What a drawn slot is: bytes, or a read that gave none. */
export type DrawnSlot = Uint8Array | SlotRead;

const asRead = (slot: DrawnSlot): SlotRead =>
  slot instanceof Uint8Array ? { kind: 'bytes', bytes: slot } : slot;

/** Examines five drawn slots at the driver's places, with nothing at the documented ones. */
export const examineSlots = (
  slots: readonly DrawnSlot[],
  options: Partial<Omit<ExamineInput, 'reads'>> = {},
): Report =>
  examine({
    reads: { driver: slots.map(asRead), documented: [] },
    sizeBytes: 5n * BigInt(slotBytes),
    now: drawnNow,
    geometry: 'auto',
    ...options,
  });

/** Examines five drawn slots at the documented places; sectors 0 and 1024 are the driver's places too. */
export const examineDocumented = (slots: readonly DrawnSlot[], geometry: 'auto' | GeometryName): Report => {
  const documented = slots.map(asRead);
  const blank: SlotRead = { kind: 'bytes', bytes: blankSlot() };
  return examine({
    reads: {
      driver: [documented[0] ?? blank, blank, blank, blank, documented[1] ?? blank],
      documented,
    },
    sizeBytes: 8_388_608n,
    now: drawnNow,
    geometry,
  });
};
