import { describe, expect, test } from 'vitest';
import { type DecodedSlot, decodeCopy, decodeSlot, type ValidCopy } from '../../lib/format/codec.js';
import type { Damage } from '../../lib/format/damage.js';
import { blankSlot, drawSlot, patchSlot, u32Bytes } from '../support/disk.js';

const validOf = (slot: Uint8Array): ValidCopy => {
  const decoded = decodeCopy(slot);
  if (decoded.state !== 'valid') throw new Error(`expected a valid copy, found ${decoded.damage.fault}`);
  return decoded;
};

const damageOf = (decoded: DecodedSlot): Damage | null =>
  decoded.state === 'damaged' ? decoded.damage : null;

const version = 4;
const structureSize = 32;
const health = 256;
const count = 296;

describe('the precedence of damage', () => {
  //  Each row carries the fault of its name and every later one that can stand beside it.
  const allLater = (slot: Uint8Array) =>
    patchSlot(patchSlot(slot, health, u32Bytes(101)), count, u32Bytes(2049));
  const badSum = (slot: Uint8Array) => patchSlot(slot, 84_287, [1], false);

  test('unreadable comes before everything', () => {
    const decoded = decodeSlot({ kind: 'unreadable', errno: 'EIO' });
    expect(damageOf(decoded)).toEqual({ fault: 'unreadable', errno: 'EIO' });
    expect(decoded).toMatchObject({ header: null, computed: null, bytes: null });
  });

  test('absent is not a damage', () => {
    expect(decodeSlot({ kind: 'absent' })).toEqual({ state: 'absent' });
  });

  test('blank comes before magic, and what lies behind the structure is not looked at', () => {
    expect(damageOf(decodeCopy(patchSlot(blankSlot(), 84_288, [1], false)))).toEqual({ fault: 'blank' });
    expect(damageOf(decodeCopy(patchSlot(blankSlot(), 84_287, [1], false)))).toEqual({
      fault: 'magic',
      found: 0,
    });
  });

  test('foreign comes before magic, version and checksum', () => {
    const dmrm = patchSlot(badSum(allLater(drawSlot())), 0, u32Bytes(0x444d524d), false);
    expect(damageOf(decodeCopy(dmrm))).toEqual({ fault: 'foreign', layout: 'dmrm' });
    const other = patchSlot(badSum(allLater(drawSlot())), version, u32Bytes(9), false);
    const i386 = decodeCopy(patchSlot(other, structureSize, u32Bytes(76_092), false));
    expect(damageOf(i386)).toEqual({ fault: 'foreign', layout: 'i386' });
    expect(i386).toMatchObject({ header: null, computed: null });
  });

  test('magic comes before version', () => {
    const slot = patchSlot(badSum(allLater(drawSlot())), 0, [...u32Bytes(0x52415053), 9], false);
    const decoded = decodeCopy(slot);
    expect(damageOf(decoded)).toEqual({ fault: 'magic', found: 0x52415053 });
    expect(decoded).toMatchObject({ header: null, computed: null });
  });

  test('version comes before checksum, and the header is shown as read', () => {
    const decoded = decodeCopy(patchSlot(badSum(allLater(drawSlot())), version, u32Bytes(5), false));
    expect(damageOf(decoded)).toEqual({ fault: 'version', found: 5 });
    expect(decoded).toMatchObject({ header: { version: 5, sequenceNumber: 1n } });
  });

  test('checksum comes before count', () => {
    const slot = allLater(drawSlot());
    const stored = decodeCopy(slot).state === 'damaged' ? new DataView(slot.buffer).getUint32(24, true) : 0;
    const decoded = decodeCopy(badSum(slot));
    expect(damageOf(decoded)).toMatchObject({ fault: 'checksum', stored });
    expect(decoded).toMatchObject({ header: { healthScore: 101, activeRemaps: 2049 } });
  });

  test('count comes before health', () => {
    expect(damageOf(decodeCopy(allLater(drawSlot())))).toEqual({ fault: 'count', found: 2049 });
  });

  test('health comes last', () => {
    expect(damageOf(decodeCopy(patchSlot(drawSlot(), health, u32Bytes(101))))).toEqual({
      fault: 'health',
      found: 101,
    });
  });

  test('the limits themselves are valid', () => {
    const slot = patchSlot(patchSlot(drawSlot(), health, u32Bytes(100)), count, u32Bytes(2048));
    expect(validOf(slot).entries).toHaveLength(2048);
  });

  test('the clock plays no part, and neither does the structure size', () => {
    const copy = validOf(drawSlot({ timestamp: 2n ** 64n - 1n, header: { structureSize: 84_289 } }));
    expect(copy.header.timestampSeconds).toBe(2n ** 64n - 1n);
  });
});

describe('a valid copy', () => {
  test('its table is the active entries and no more', () => {
    const copy = validOf(
      drawSlot({
        remaps: [
          [1n, 2000n],
          [2n ** 63n, 2n ** 64n - 1n],
        ],
      }),
    );
    expect(copy.entries.map(({ originalSector, spareSector }) => [originalSector, spareSector])).toEqual([
      [1n, 2000n],
      [2n ** 63n, 2n ** 64n - 1n],
    ]);
    expect(copy.ghosts).toEqual([]);
  });

  test('any non-zero byte behind the active entries makes a ghost', () => {
    const lastByteOfLastEntry = 312 + 40 * 2048 - 1;
    const slot = patchSlot(patchSlot(drawSlot(), 312 + 40 * 7, [1]), lastByteOfLastEntry, [1]);
    const { ghosts } = validOf(slot);
    expect(ghosts.map(({ index }) => index)).toEqual([7, 2047]);
    expect(ghosts[0]?.entry.originalSector).toBe(1n);
    expect(ghosts[1]?.entry.padding).toBe(0x0100_0000);
  });

  test('it does not follow the buffer that it was decoded from', () => {
    const slot = drawSlot();
    const copy = validOf(slot);
    slot.fill(0xff);
    expect(validOf(copy.bytes).entries).toEqual(copy.entries);
  });

  test('the structure alone decodes as the whole slot does', () => {
    const { bytes, ...whole } = validOf(drawSlot());
    const { bytes: extended, ...alone } = validOf(bytes.subarray(0, 84_288));
    expect(alone).toEqual(whole);
    expect(Buffer.compare(extended, bytes)).toBe(0);
  });

  test('fewer bytes than the structure are an error of the caller', () => {
    expect(() => decodeCopy(new Uint8Array(84_287))).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }),
    );
  });
});
