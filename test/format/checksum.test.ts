import { expect, test } from 'vitest';
import { crc32le, structureChecksum } from '../../lib/format/checksum.js';
import { drawSlot, patchSlot } from '../support/disk.js';
import { random } from '../support/random.js';

const ascii = (text: string) => new TextEncoder().encode(text);

/** The polynomial division, bit by bit: no table, no zlib. */
function crcByBits(data: Uint8Array): number {
  let crc = 0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return crc >>> 0;
}

test('the check value is that of the kernel, not that of zlib', () => {
  expect(crc32le(ascii('123456789'))).toBe(0x2dfd2d88);
});

test('the checksum is the polynomial division with seed 0 and no inversion', () => {
  const data = random(1).fill(new Uint8Array(1000));
  expect(crc32le(data)).toBe(crcByBits(data));
});

test('a checksum over two ranges is the checksum over both together', () => {
  expect(crc32le(ascii('1234'), ascii(''), ascii('56789'))).toBe(crc32le(ascii('123456789')));
});

test('leading zero bytes are invisible and all-zero data has checksum 0', () => {
  expect(crc32le(Uint8Array.of(0, 0, 0, 1))).toBe(crc32le(Uint8Array.of(1)));
  expect(crc32le(new Uint8Array(84_284))).toBe(0);
});

test('the structure is covered from its first byte to its last, without the checksum itself', () => {
  const slot = drawSlot();
  const sum = structureChecksum(slot);
  const covered = (offset: number) =>
    structureChecksum(patchSlot(slot, offset, [(slot[offset] ?? 0) ^ 1], false)) !== sum;
  expect([0, 23, 28, 114, 348, 84_287].filter((offset) => !covered(offset))).toEqual([]);
  expect([24, 25, 26, 27, 84_288, 131_071].filter(covered)).toEqual([]);
});
