// Room: format. The checksum of format section 3: the kernel's crc32_le(0, ...), polynomial 0xEDB88320, seed 0,
// no final inversion. Seed 0 cannot see leading zero bytes and all-zero data has checksum 0: the magic is checked
// first. It finds every 1- and 2-bit error, not every 3-bit error.
import { crc32 } from 'node:zlib';
import { checksumOffset, copyIndexOffset, structureBytes } from './structure.js';

//  zlib inverts its state on the way in and out. All ones in is the kernel's seed 0; the last inversion is undone.
const zlibSeed = 0xffff_ffff;

/** CRC-32 as the kernel's crc32_le with seed 0, chained over `ranges`. Check value of "123456789": 0x2DFD2D88. */
export function crc32le(...ranges: readonly Uint8Array[]): number {
  let crc = zlibSeed;
  for (const range of ranges) {
    //  An empty range can reach zlib as a null pointer, which asks it for its own initial value.
    if (range.length > 0) crc = crc32(range, crc);
  }
  return ~crc >>> 0;
}

/** What the checksum of the structure at the start of `slot` has to be: over all of it but the checksum itself. */
export const structureChecksum = (slot: Uint8Array): number =>
  crc32le(slot.subarray(0, checksumOffset), slot.subarray(copyIndexOffset, structureBytes));
