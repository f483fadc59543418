// Spares and what happens to them, in pieces that are put together: a spare is drawn, then each damage changes it. All of
// it is the same in every run.

import { metadataRegionBytes } from '../../lib/format/geometry.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { recordedImage, sectorsOf } from '../format/signatures/images.js';
import { blankSlot, drawnNow, drawSlot, patchSlot, u32Bytes } from '../support/disk.js';
import { drawSlots } from '../support/draw.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { random } from '../support/random.js';

export interface Disk {
  bytes: Uint8Array<ArrayBuffer>;
  /** The clock that it is judged by. */
  now: bigint;
  /** Copies that give EIO until they are written. */
  readonly unreadable: Set<number>;
}

export type Damage = (disk: Disk) => void;

/** A spare that is drawn when it is needed. */
export type Drawing = () => Disk;

/** Bytes in the structure (format.md section 2), for what hits a field. */
export const at = {
  magic: 0,
  version: 4,
  sequence: 8,
  timestamp: 16,
  checksum: 24,
  copyIndex: 28,
  structureSize: 32,
  mainUuid: 40,
  padding: 114,
  mainSectors: 120,
  spareSectors: 128,
  sectorSize: 136,
  fingerprint: 144,
  health: 256,
  count: 296,
  maxRemaps: 300,
  nextSpareSector: 304,
  /** Of entry N. */
  original: (entry: number) => 312 + 40 * entry,
  spare: (entry: number) => 320 + 40 * entry,
  flags: (entry: number) => 346 + 40 * entry,
  entryPadding: (entry: number) => 348 + 40 * entry,
  expansion: 82_240,
  slack: structureBytes,
} as const;

/** The bytes of a little-endian field. */
export const u32 = u32Bytes;
export const u64 = (value: bigint): number[] => [
  ...u32(Number(value & 0xffff_ffffn)),
  ...u32(Number(value >> 32n)),
];

const sectorBytes = 512;
/** Of the spare, so that four of the documented places fit. */
export const spareSectors = 4352;
const spareBytes = spareSectors * sectorBytes;
const entryCount = 40;

/**
 * A copy of a generation, by number. What the module leaves zero is not: identity, padding, ghosts and expansion must come
 * through a repair. The expansion, which is last, tells each generation too: a torn write shows wherever it is torn.
 */
export function generation(
  sequence: bigint,
  copyIndex: number,
  mainSectors = 16_384n,
): Uint8Array<ArrayBuffer> {
  const first = 100n * (sequence % 50n);
  const remaps = Array.from(
    { length: entryCount },
    (_, at) => [first + BigInt(at), 1280n + 8n * BigInt(at)] as const,
  );
  const timestamp = drawnNow - 1000n + (sequence % 100n);
  const slot = drawSlot({ sequence, timestamp, remaps, copyIndex });
  const device = random(Number(mainSectors));
  device.fill(slot.subarray(at.mainUuid, at.mainSectors));
  device.fill(slot.subarray(at.fingerprint, at.fingerprint + 32));
  const table = random(Number(sequence % 100n) + 1);
  table.fill(slot.subarray(at.original(2040), at.original(2043))); //  Ghosts.
  table.fill(slot.subarray(at.expansion, structureBytes));
  return patchSlot(slot, at.mainSectors, [...u64(mainSectors), ...u64(BigInt(spareSectors))]);
}

/** These slots, with noise behind each structure. */
function imageOf(slots: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(bytes);
  const noise = random(77);
  for (let copy = 0; copy < 5; copy++) {
    image.set(slots[copy] ?? blankSlot(), copy * slotBytes);
    noise.fill(image.subarray(copy * slotBytes + structureBytes, copy * slotBytes + structureBytes + 600));
    noise.fill(image.subarray((copy + 1) * slotBytes - 600, (copy + 1) * slotBytes));
  }
  return image;
}

const diskOf = (bytes: Uint8Array<ArrayBuffer>): Disk => ({ bytes, now: drawnNow, unreadable: new Set() });

const after = (disk: Disk, damages: readonly Damage[]): Disk => {
  for (const damage of damages) damage(disk);
  return disk;
};

const good = imageOf(
  [0, 1, 2, 3, 4].map((copy) => generation(7n, copy)),
  spareBytes,
);
//  The data of remapped sectors lies there, and something at the very end.
random(78).fill(good.subarray(metadataRegionBytes, metadataRegionBytes + 2048));
random(79).fill(good.subarray(spareBytes - sectorBytes));

/** As dmremap leaves it: sequence 7 in five copies, each with its own number. */
export const spare =
  (...damages: readonly Damage[]): Drawing =>
  () =>
    after(diskOf(good.slice()), damages);

/** The words of test/support/draw.ts, in an image of the region. */
export const drawn =
  (words: string, ...damages: readonly Damage[]): Drawing =>
  () =>
    after(diskOf(imageOf(drawSlots(words), metadataRegionBytes)), damages);

/** A golden image, at its own time. */
export const golden =
  (name: string, ...damages: readonly Damage[]): Drawing =>
  () => {
    const now = BigInt(goldenImages.find((image) => image.name === name)?.now ?? 0);
    return after({ ...diskOf(goldenBytes(name)), now }, damages);
  };

/** Nothing but zeros. */
export const zeros =
  (...damages: readonly Damage[]): Drawing =>
  () =>
    after(diskOf(new Uint8Array(spareBytes)), damages);

export const all: readonly number[] = [0, 1, 2, 3, 4];
type Copies = number | readonly number[];

const each = (copies: Copies, damage: (slot: Uint8Array, copy: number) => void): Damage => {
  return ({ bytes }) => {
    for (const copy of typeof copies === 'number' ? [copies] : copies) {
      damage(bytes.subarray(copy * slotBytes, (copy + 1) * slotBytes), copy);
    }
  };
};

/** One bit is another one. */
export const flip = (copies: Copies, offset: number, bit = 0): Damage =>
  each(copies, (slot) => {
    slot[offset] = (slot[offset] as number) ^ (1 << bit);
  });

/** Other bytes, under a checksum that does not hold any more. */
export const hit = (copies: Copies, offset: number, ...bytes: readonly number[]): Damage =>
  each(copies, (slot) => slot.set(bytes, offset));

/** Other bytes, under a checksum that holds: somebody has meant to write them. */
export const sealed = (copies: Copies, offset: number, bytes: readonly number[]): Damage =>
  each(copies, (slot) => slot.set(patchSlot(slot, offset, bytes)));

/** The structure is zero. What lies behind it is as it was. */
export const zero = (copies: Copies, from = 0, to: number = structureBytes): Damage =>
  each(copies, (slot) => slot.fill(0, from, to));

/** The block is all ones. */
export const erased = (copies: Copies): Damage => each(copies, (slot) => slot.fill(0xff));

/** A whole copy of another generation. */
export const holds = (copies: Copies, sequence: bigint, copyIndex?: number, mainSectors?: bigint): Damage =>
  each(copies, (slot, copy) =>
    slot.set(generation(sequence, copyIndex ?? copy, mainSectors).subarray(0, structureBytes)),
  );

/** What the module overwrites a slot with when it takes no copy: an empty table of sequence 2, dated now. */
export const emptied = (copies: Copies): Damage =>
  each(copies, (slot) => {
    const empty = drawSlot({ sequence: 2n, timestamp: drawnNow, remaps: [] });
    slot.set(patchSlot(empty, at.spareSectors, u64(BigInt(spareSectors))).subarray(0, structureBytes));
  });

/** Of the write of another generation only those sectors have landed that `lands` says; the structure has 165. */
export const landed = (copies: Copies, sequence: bigint, lands: (sector: number) => boolean): Damage =>
  each(copies, (slot, copy) => {
    const next = generation(sequence, copy).subarray(0, structureBytes);
    for (let sector = 0; sector * sectorBytes < structureBytes; sector++) {
      const start = sector * sectorBytes;
      if (lands(sector)) slot.set(next.subarray(start, start + sectorBytes), start);
    }
  });

/** The first sectors of the next generation have landed, and no others. */
export const torn = (copies: Copies, sectors: number): Damage =>
  landed(copies, 8n, (sector) => sector < sectors);

/** From a sector on everything lies one sector too early: one is lost. */
export const lostSector = (copies: Copies, sector: number): Damage =>
  each(copies, (slot) => slot.copyWithin(sector * sectorBytes, (sector + 1) * sectorBytes, structureBytes));

/** From a sector on everything lies one sector too late. */
export const doubledSector = (copies: Copies, sector: number): Damage =>
  each(copies, (slot) =>
    slot.copyWithin((sector + 1) * sectorBytes, sector * sectorBytes, structureBytes - sectorBytes),
  );

/** Slot `to[N]` gets what slot `from[N]` held, all at once. */
export const moved =
  (from: readonly number[], to: readonly number[]): Damage =>
  ({ bytes }) => {
    const held = from.map((copy) => bytes.slice(copy * slotBytes, copy * slotBytes + structureBytes));
    for (const [at, copy] of to.entries()) bytes.set(held[at] as Uint8Array, copy * slotBytes);
  };

/** Every 32-bit word the other way round: from a machine of the other byte order. */
export const swappedBytes = (copies: Copies): Damage =>
  each(copies, (slot) => Buffer.from(slot.buffer, slot.byteOffset, structureBytes).swap32());

/** The checksum inverted at the end, as in zlib. */
export const inverted = (copies: Copies): Damage =>
  each(copies, (slot) => {
    for (let byte = at.checksum; byte < at.checksum + 4; byte++) slot[byte] = ~(slot[byte] as number);
  });

/** Bytes of nobody over the whole slot. */
export const noise = (copies: Copies): Damage => each(copies, (slot, copy) => random(copy + 500).fill(slot));

/** Somebody else's bytes at an offset of the device. */
export const over =
  (offset: number, bytes: ArrayLike<number> | string): Damage =>
  (disk) =>
    disk.bytes.set(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes, offset);

/** What a program of others has written over the start of the device, as far as it was recorded. */
export const written =
  (image: string): Damage =>
  ({ bytes }) => {
    for (const { at, bytes: sector } of sectorsOf(recordedImage(image))) {
      if (at + sector.length <= metadataRegionBytes) bytes.set(sector, at);
    }
  };

/** The device, or its image, ends here. */
export const cut =
  (bytes: number): Damage =>
  (disk) => {
    disk.bytes = disk.bytes.slice(0, bytes);
  };

/** It is longer, with zeros at its end. */
export const grown =
  (bytes: number): Damage =>
  (disk) => {
    const longer = new Uint8Array(bytes);
    longer.set(disk.bytes);
    disk.bytes = longer;
  };

/** EIO, until it is written. */
export const unreadable =
  (...copies: readonly number[]): Damage =>
  (disk) => {
    for (const copy of copies) disk.unreadable.add(copy);
  };

/** The clock of the host is set: so many seconds later. */
export const clock =
  (seconds: bigint): Damage =>
  (disk) => {
    disk.now += seconds;
  };

/** What upstream's shell tool writes: 512 bytes, the magic in one order of its letters or the other. */
export const stub = (magic: number): readonly number[] => {
  const bytes = new Uint8Array(sectorBytes);
  bytes.set(u32(magic), 0);
  bytes.set(u32(4), at.version);
  bytes.set(u32(1), at.sequence);
  bytes.set(u32(2048), at.structureSize);
  return [...bytes];
};

/** The documented places that the spare has room for: sectors 0, 1024, 2048 and 4096. */
export const documentedPlaces = [0, 524_288, 1_048_576, 2_097_152] as const;
