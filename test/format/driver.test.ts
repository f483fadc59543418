import { describe, expect, test } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import { decodeSlot } from '../../lib/format/codec.js';
import { type DriverRule, driverVerdict, driverVerdictOfBytes } from '../../lib/format/driver.js';
import { blankSlot, drawnNow, drawSlot, patchSlot, u32Bytes } from '../support/disk.js';
import { drawWord } from '../support/draw.js';

const now = drawnNow;
const dayAfter = now + 86_400n;

describe('what the module accepts', () => {
  const broken = { magic: 0, version: 4, count: 296, health: 256 };
  const slot = drawSlot({ timestamp: dayAfter + 1n });

  //  Every row breaks one rule more than the row below it, the first broken rule is the verdict.
  const rows: [DriverRule | null, Uint8Array][] = [
    [null, drawSlot()],
    ['future', slot],
    ['health', patchSlot(slot, broken.health, u32Bytes(101))],
    ['count', patchSlot(patchSlot(slot, broken.health, u32Bytes(101)), broken.count, u32Bytes(0xffff_ffff))],
    ['checksum', patchSlot(slot, broken.count, u32Bytes(2049), false)],
    ['version', patchSlot(patchSlot(slot, broken.count, u32Bytes(2049), false), broken.version, [3], false)],
    ['magic', patchSlot(patchSlot(slot, broken.version, [3], false), broken.magic, [0], false)],
    ['magic', blankSlot()],
  ];
  test.each(rows)('the first rule that fails is %s', (rule, bytes) => {
    expect(driverVerdictOfBytes(bytes, now)).toBe(rule);
  });

  test('a timestamp exactly a day ahead is accepted, one second more is not', () => {
    expect(driverVerdictOfBytes(drawSlot({ timestamp: dayAfter }), now)).toBe(null);
    expect(driverVerdictOfBytes(drawSlot({ timestamp: dayAfter + 1n }), now)).toBe('future');
    expect(driverVerdictOfBytes(drawSlot({ timestamp: dayAfter + 1n }), unixSeconds(now + 1n))).toBe(null);
  });

  test('it looks at neither structure size nor copy index: what to us is foreign it accepts', () => {
    const bytes = drawSlot({ header: { structureSize: 76_092 }, copyIndex: 77 });
    expect(decodeSlot({ kind: 'bytes', bytes })).toMatchObject({
      damage: { fault: 'foreign', layout: 'i386' },
    });
    expect(driverVerdict(decodeSlot({ kind: 'bytes', bytes }), now)).toBe(null);
  });

  test.each('7 7f 7t 7r 7+ 0z 7# 7h 7i x m v s g -'.split(' '))(
    'what decoding found of %s decides as the bytes do',
    (word) => {
      const bytes = drawWord(word) as Uint8Array;
      const slot = decodeSlot({ kind: 'bytes', bytes });
      for (const clock of [now, unixSeconds(0), unixSeconds(2n ** 64n - 1n)])
        expect(driverVerdict(slot, clock)).toBe(driverVerdictOfBytes(bytes, clock));
    },
  );

  test('a slot without bytes is named for what it is', () => {
    expect(driverVerdict({ state: 'absent' }, now)).toBe('absent');
    expect(driverVerdict(decodeSlot({ kind: 'unreadable', errno: 'EIO' }), now)).toBe('unreadable');
  });
});
