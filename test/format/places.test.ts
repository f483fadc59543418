import { describe, expect, test } from 'vitest';
import { byteOffset, sector } from '../../lib/base/units.js';
import { foreignLayout } from '../../lib/format/foreign.js';
import { fits, type GeometryName, geometries, touchesMetadata } from '../../lib/format/geometry.js';
import { textOf } from '../../lib/format/text.js';
import { blankSlot, drawSlot, patchSlot, u32Bytes } from '../support/disk.js';

describe('the geometries', () => {
  test('the slots are where the specification has them', () => {
    expect(geometries.driver.slots).toEqual([0n, 131_072n, 262_144n, 393_216n, 524_288n]);
    expect(geometries.documented.slots.map((slot) => slot / 512n)).toEqual([0n, 1024n, 2048n, 4096n, 8192n]);
  });

  test('a slot fits only with its whole 131,072 bytes', () => {
    expect(fits(byteOffset(131_072), 262_144n)).toBe(true);
    expect(fits(byteOffset(131_072), 262_143n)).toBe(false);
    expect(fits(byteOffset(0), 0n)).toBe(false);
  });

  const touches: [GeometryName, bigint, bigint, boolean][] = [
    ['driver', 0n, 1n, true],
    ['driver', 1279n, 1n, true],
    ['driver', 1280n, 1n, false],
    ['driver', 1272n, 8n, true],
    ['driver', 2n ** 64n - 1n, 1n, false],
    ['documented', 255n, 1n, true],
    ['documented', 256n, 768n, true],
    ['documented', 1280n, 768n, false],
    ['documented', 1280n, 769n, true],
    ['documented', 8447n, 1n, true],
    ['documented', 8448n, 1n, false],
  ];
  test.each(touches)('%s: sector %d and %d on: inside the metadata is %s', (name, first, count, inside) => {
    expect(touchesMetadata(geometries[name], sector(first), count)).toBe(inside);
  });
});

describe('foreign layouts', () => {
  const stub = (magic: number, size: number, checksum: number) => {
    const slot = patchSlot(blankSlot(), 0, u32Bytes(magic), false);
    return patchSlot(patchSlot(slot, 24, u32Bytes(checksum), false), 32, u32Bytes(size), false);
  };

  test.each([
    ['shell-stub', 0x444d5234, 2048, 0],
    ['shell-stub', 0x34524d44, 2048, 0], //  The letters in their order.
    [null, 0x444d5234, 2048, 1],
    [null, 0x34524d44, 2047, 0],
    ['dmrm', 0x444d524d, 0, 0],
    ['setup-reassembly', 0xab5eab1e, 7, 7],
    ['i386', 0x444d5234, 76_092, 7],
    ['i386', 0x444d5234, 76_092, 0],
    [null, 0x444d5234, 84_288, 0],
    [null, 0, 76_092, 0],
  ])('%s is told by magic %i, size %i and checksum %i', (layout, magic, size, checksum) => {
    expect(foreignLayout(stub(magic, size, checksum))).toBe(layout);
  });

  test('a 32-bit structure is foreign even where the checksum of ours holds', () => {
    expect(foreignLayout(drawSlot({ header: { structureSize: 76_092 } }))).toBe('i386');
  });
});

describe('text from disk', () => {
  test.each([
    ['plain', [...'ST4000-x'].map((c) => c.charCodeAt(0)), 'ST4000-x'],
    ['ends at the first NUL', [65, 0, 66], 'A'],
    ['fills its field', [65, 66], 'AB'],
    ['empty', [0, 65], ''],
    ['escape sequence', [0x1b, 0x5b, 0x6d], '\\x1b[m'],
    ['control, delete and beyond', [9, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0xff], '\\x09\\x1f ~\\x7f\\x80\\xff'],
    ['a backslash is not taken for an escape', [0x5c, 0x78, 0x31, 0x62], '\\x5cx1b'],
  ])('%s', (_, bytes, text) => {
    expect(textOf(Uint8Array.from(bytes))).toBe(text);
  });
});
