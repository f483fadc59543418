// Room: format. The checksum of format.md section 3: the kernel's crc32_le(0, ...), polynomial 0xEDB88320, seed 0,
// no final inversion. Seed 0 cannot see leading zero bytes and all-zero data has checksum 0: the magic is checked
// first. It finds every 1- and 2-bit error, not every 3-bit error.
//
// It is linear: the checksum of a XOR b is the checksum of a XOR that of b. So what a change of some bytes does to it
// follows from those bytes and from how many come behind them, whatever these are.
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

const polynomial = 0xedb8_8320;

/** a * b modulo the polynomial, both reflected: bit 31 is x^0, bit 0 is x^31. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1;
  }
  return product >>> 0;
}

const xToThe8 = 1 << (31 - 8);
//  x^(8 * 2^k): what 2^k zero bytes multiply a checksum by. 2^17 bytes are more than a structure.
const zeroBytes = [xToThe8];
for (let k = 1; k < 17; k += 1) {
  const half = zeroBytes[k - 1] as number;
  zeroBytes.push(multiply(half, half));
}

//  By count, as they are asked for: a store asks for the same few places again and again.
const powers = new Map<number, number>();

/** What `count` (0 to 131,071) zero bytes multiply a checksum by. */
function powerOf(count: number): number {
  const known = powers.get(count);
  if (known !== undefined) return known;
  let power = 1 << 31;
  zeroBytes.forEach((factor, k) => {
    if ((count >>> k) & 1) power = multiply(power, factor);
  });
  powers.set(count, power);
  return power;
}

/** The checksum after `count` (0 to 131,071) zero bytes more. */
const followedByZeros = (checksum: number, count: number): number =>
  checksum === 0 ? 0 : multiply(checksum, powerOf(count));

/**
 * What the checksum of a structure changes by, to be XORed on, when the bytes from `offset` on change by `difference`
 * (old XOR new). Costs as much as `difference` is long, wherever it lies. It must not touch the checksum itself.
 */
export function checksumDelta(offset: number, difference: Uint8Array): number {
  const end = offset + difference.length;
  const behind = structureBytes - end - (end <= checksumOffset ? copyIndexOffset - checksumOffset : 0);
  return followedByZeros(crc32le(difference), behind);
}
