// Every single bit of a copy flipped, and every two. The residual of a flip is its syndrome, the same whatever the copy
// holds: a flip is found where it is not 0, two where theirs are not equal. 674,304 syndromes that are all different and
// none of them 0 prove it for all 227,342,604,056 pairs.

import { decodeCopy } from '../../lib/format/codec.js';
import { checksumOffset, structureBytes } from '../../lib/format/structure.js';
import { random } from '../support/random.js';
import { residual } from './residual.js';

export const structureBits = structureBytes * 8;

/** The polynomial of format.md section 3, reflected. Written here a second time: this is what the library is held against. */
const polynomial = 0xedb8_8320;

/** The syndromes of all bits, by position: 8 * byte + bit. */
export function syndromes(): Uint32Array {
  const all = new Uint32Array(structureBits);
  // From the last bit backwards: each one before it is shifted once more. The checksum's own bits stand for themselves.
  let syndrome = polynomial;
  for (let byte = structureBytes - 1; byte >= 0; byte--) {
    const isChecksum = byte >= checksumOffset && byte < checksumOffset + 4;
    for (let bit = 7; bit >= 0; bit--) {
      if (isChecksum) {
        all[8 * byte + bit] = 2 ** (8 * (byte - checksumOffset) + bit);
        continue;
      }
      all[8 * byte + bit] = syndrome;
      syndrome = ((syndrome >>> 1) ^ (syndrome & 1 ? polynomial : 0)) >>> 0;
    }
  }
  return all;
}

export interface FlipReport {
  readonly singles: number;
  readonly missed: number;
  /** Pairs of flips that would cancel each other out. */
  readonly equal: number;
}

/** By the syndromes, held against the library's checksum at `samples` bits. */
export function flipsBySyndrome(samples: number): FlipReport {
  const all = syndromes();
  const { int } = random(17);
  for (let round = 0; round < samples; round++) {
    const bit = round < 64 ? 160 + round : int(structureBits);
    const flipped = new Uint8Array(structureBytes);
    flipped[bit >> 3] = 1 << (bit & 7);
    if (residual(flipped) !== all[bit]) throw new Error(`the syndrome of bit ${bit} is not the checksum's`);
  }
  const sorted = all.slice().sort();
  let equal = 0;
  for (let at = 1; at < sorted.length; at++) if (sorted[at] === sorted[at - 1]) equal++;
  return { singles: all.length, missed: all.filter((syndrome) => syndrome === 0).length, equal };
}

/** By decoding: flips every `stride`-th bit of a copy, one at a time. @returns how many flips, and how many were missed. */
export function flipsByDecoding(slot: Uint8Array, stride: number): { flips: number; missed: number } {
  const copy = slot.slice(0, structureBytes);
  let flips = 0;
  let missed = 0;
  for (let bit = 0; bit < structureBits; bit += stride) {
    const mask = 1 << (bit & 7);
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ mask;
    flips++;
    if (decodeCopy(copy).state === 'valid') missed++;
    copy[bit >> 3] = (copy[bit >> 3] as number) ^ mask;
  }
  return { flips, missed };
}
