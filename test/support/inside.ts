// Spares whose remapped sectors have their data inside the metadata region, as the module makes them.
import { slotBytes } from '../../lib/format/structure.js';
import { drawSlot } from './disk.js';
import { drawWord } from './draw.js';

/** 512 bytes that say whose data they are. */
export const dataOf = (original: bigint): Uint8Array => Buffer.alloc(512, `data of sector ${original}. `);

export const spareBytes = 4 * 1024 * 1024;

export type Remap = readonly [original: bigint, spare: bigint];

/**
 * A spare of 4 MiB with one table in the slots that are `7` (others as drawn), and then the data of each remap laid over
 * them, but for originals in `without`.
 */
export function spareWithData(
  disk: string,
  remaps: readonly Remap[],
  without: readonly bigint[] = [],
): Uint8Array {
  const image = new Uint8Array(spareBytes);
  for (const [copy, word] of disk.split(' ').entries()) {
    const slot = word === '7' ? drawSlot({ sequence: 7n, copyIndex: copy, remaps }) : drawWord(word);
    if (slot instanceof Uint8Array) image.set(slot, copy * slotBytes);
  }
  for (const [original, spare] of remaps) {
    if (!without.includes(original)) image.set(dataOf(original), Number(spare) * 512);
  }
  return image;
}
