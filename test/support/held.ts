// Spares whose copies disagree, with ghosts behind their tables, and what on them must not be overwritten.
import fc from 'fast-check';
import { decodeCopy } from '../../lib/format/codec.js';
import { slotBytes } from '../../lib/format/structure.js';
import { patchSlot, u32Bytes } from './disk.js';
import { cutSlot, type Left } from './ghosts.js';

export const mainSectors = 512;
export const spareSectors = 2048;
export const spareBytes = spareSectors * 512;

/** A table with the first `count` entries in force, and the rest left behind. */
export interface DrawnTable {
  readonly sequence: bigint;
  readonly count: number;
  readonly entries: readonly Left[];
}

const left: fc.Arbitrary<Left> = fc
  .record({
    original: fc.bigInt({ min: 0n, max: BigInt(mainSectors - 1) }),
    spare: fc.bigInt({ min: 1280n, max: BigInt(spareSectors - 1) }),
    flags: fc.constantFrom(2, 2, 2, 1, 3, 0, 4),
  })
  .map((one) => ({ ...one }));

const table: fc.Arbitrary<DrawnTable> = fc
  .record({
    sequence: fc.bigInt({ min: 1n, max: 4n }),
    entries: fc.uniqueArray(left, {
      maxLength: 10,
      selector: ({ original }) => original,
    }),
    part: fc.integer({ min: 0, max: 10 }),
  })
  .map(({ sequence, entries, part }) => {
    //  One place for two is another story: a target does not open on that.
    const places = new Set<bigint>();
    const apart = entries.filter(({ spare }) => !places.has(spare) && places.add(spare));
    return { sequence, entries: apart, count: Math.min(apart.length, part) };
  });

/** Up to three tables, and which of them each copy holds. */
export const drawnSpare = fc
  .tuple(
    fc.array(table, { minLength: 1, maxLength: 3 }),
    fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 5, maxLength: 5 }),
  )
  .map(([tables, which]) => which.map((at) => tables[at % tables.length] as DrawnTable));

const slotOf = ({ sequence, count, entries }: DrawnTable): Uint8Array => {
  const slot = cutSlot(count, entries, sequence);
  return patchSlot(patchSlot(slot, 120, u32Bytes(mainSectors)), 128, u32Bytes(spareSectors));
};

/** The spare, each sector behind the metadata with data of its own. */
export function imageOf(copies: readonly DrawnTable[]): Uint8Array {
  const image = new Uint8Array(spareBytes);
  copies.forEach((one, copy) => void image.set(slotOf(one), copy * slotBytes));
  for (let at = 1280; at < spareSectors; at++) image.fill(1 + (at % 251), at * 512, (at + 1) * 512);
  return image;
}

/** Sectors that a table of these copies names, or what looks like an entry behind one: by the bytes. */
export function namedSectors(image: Uint8Array): bigint[] {
  const named = new Set<bigint>();
  for (let copy = 0; copy < 5; copy++) {
    const slot = decodeCopy(image.slice(copy * slotBytes, (copy + 1) * slotBytes));
    if (slot.state !== 'valid') continue;
    for (const { spareSector } of slot.entries) named.add(spareSector);
    for (const { entry } of slot.ghosts)
      if (entry.flags >= 1 && entry.flags <= 3) named.add(entry.spareSector);
  }
  return [...named];
}

/** Those of them that hold something else now. */
export const overwritten = (before: Uint8Array, after: Uint8Array): bigint[] =>
  namedSectors(before).filter((at) => {
    const [first, end] = [Number(at) * 512, Number(at + 1n) * 512];
    return Buffer.compare(before.subarray(first, end), after.subarray(first, end)) !== 0;
  });
