// Repair and handover carried out: what is on the disk afterwards.
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { handover } from '../../lib/recovery/handover.js';
import { repair } from '../../lib/recovery/repair.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow, drawSlot } from '../support/disk.js';
import { drawnDevice, now, offsetOf } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

/** The valid sequences on a device, as text; x where a copy is not valid. */
async function sequences(device: MemoryDevice): Promise<string> {
  const { copies } = await examineDevice(device, { now: drawnNow });
  return copies.map(({ slot }) => (slot.state === 'valid' ? `${slot.header.sequenceNumber}` : 'x')).join(' ');
}

describe('repair', () => {
  it('without apply leaves the device byte for byte as it was, also one that is only read', async () => {
    const device = new MemoryDevice(drawnDevice('7 x - 6 7').bytes, { writable: false });
    const before = device.bytes.slice();
    const { plan, commit, after } = await repair(device, { now });
    expect(plan.mode).toBe('rewrite');
    expect([commit, after]).toEqual([null, null]);
    expectBytes(device.bytes, before);
  });

  it('heals damaged, blank and stale copies, keeps the sequence, and is nothing the second time', async () => {
    const device = drawnDevice('7 x - 6 7');
    const { commit, after } = await repair(device, { now, apply: true });
    expect(commit).toMatchObject({ sequence: 7n, finds: 'old', degraded: [] });
    expect(after?.copies.every(({ slot }) => slot.state === 'valid')).toBe(true);
    expect(await sequences(device)).toBe('7 7 7 7 7');
    expect(
      (await examineDevice(device, { now: drawnNow })).lints.map(({ severity }) => severity),
    ).not.toContain('error');
    const healed = device.bytes.slice();
    expect((await repair(device, { now, apply: true })).plan.mode).toBe('nothing');
    expectBytes(device.bytes, healed);
  });

  it('never writes to a good copy, and disarms a damaged one first', async () => {
    const inner = drawnDevice('7 x 7 6 7');
    const spy = new SpyDevice(inner);
    await repair(spy, { now, apply: true });
    const touched = spy.groups.map((group) =>
      group.map(({ offset, bytes }) => [Number(offset / 131_072n), bytes.length]),
    );
    expect(touched).toEqual([[[1, 512]], [[1, 86_016]], [[3, 86_016]]]);
  });

  it('keeps what lies behind the structure, and the number that the module writes into all five', async () => {
    const device = new MemoryDevice(4 * 1024 * 1024);
    for (const copy of [0, 1, 3, 4])
      device.bytes.set(drawSlot({ sequence: 5n, copyIndex: 2 }), copy * slotBytes);
    device.bytes.fill(0x77, 2 * slotBytes + structureBytes, 3 * slotBytes);
    await repair(device, { now, apply: true });
    const { copies, lints } = await examineDevice(device, { now: drawnNow });
    expect(copies.map(({ slot }) => (slot.state === 'valid' ? slot.header.copyIndex : -1))).toEqual([
      2, 2, 2, 2, 2,
    ]);
    expect(lints.map(({ id }) => id)).not.toContain('misdirected-copy');
    const tail = device.bytes.subarray(2 * slotBytes + structureBytes, 3 * slotBytes);
    expectBytes(tail, new Uint8Array(slotBytes - structureBytes).fill(0x77));
  });

  it('gives a misdirected copy its own number back', async () => {
    const device = new MemoryDevice(4 * 1024 * 1024);
    [0, 1, 1, 3, 4].forEach((copyIndex, copy) => {
      device.bytes.set(drawSlot({ sequence: 5n, copyIndex }), copy * slotBytes);
    });
    const { plan } = await repair(device, { now, apply: true });
    expect(plan.writes).toEqual([{ copy: 2, why: 'says that it is copy 1', disarm: false }]);
    expect((await repair(device, { now })).plan.mode).toBe('nothing');
  });

  it('commits the table of a named copy where more than one could be the right one', async () => {
    const device = drawnDevice('9 9 2r 2r 2r');
    await expect(repair(device, { now, apply: true })).rejects.toMatchObject({
      code: 'ERR_METADATA_AMBIGUOUS',
    });
    const { commit, after } = await repair(device, { now, apply: true, copy: 2 });
    expect(commit).toMatchObject({ sequence: 10n, finds: 'new' });
    expect(after?.ambiguities).toEqual([]);
    expect(after?.entries[0]?.originalSector).toBe(2n);
  });

  it('goes on past a copy that cannot be written, and says that it is degraded', async () => {
    const inner = drawnDevice('7 x - 6 7');
    const spy = new SpyDevice(inner);
    spy.faults.push({ offset: offsetOf(2), errno: 'EIO' });
    const { commit } = await repair(spy, { now, apply: true });
    expect(commit).toMatchObject({ finds: 'old', degraded: [2] });
    expect(await sequences(inner)).toBe('7 7 x 7 7');
  });
});

describe('handover', () => {
  it('gives every copy sequence 1 and the elected table, stale and damaged ones first', async () => {
    const inner = drawnDevice('7 x - 6 7');
    const spy = new SpyDevice(inner);
    const { commit, after } = await handover(spy, { now });
    expect(commit).toMatchObject({ sequence: 1n, finds: 'old', degraded: [] });
    expect(await sequences(inner)).toBe('1 1 1 1 1');
    expect(after.entries[0]?.originalSector).toBe(7n);
    expect(after.lints).toEqual([]);
    const order = spy.groups.flat().filter(({ bytes }) => bytes.length > 512);
    expect(order.map(({ offset }) => Number(offset / 131_072n))).toEqual([2, 1, 3, 4, 0]);
    expect((await handover(inner, { now })).commit).toBeNull();
  });

  it('stops at the first write error, so that no stale copy can win over sequence 1', async () => {
    const inner = drawnDevice('7 7 6 7 7');
    const spy = new SpyDevice(inner);
    spy.faults.push({ offset: offsetOf(2), errno: 'EIO' });
    await expect(handover(spy, { now })).rejects.toMatchObject({
      code: 'ERR_COMMIT_PARTIAL',
      errno: 'EIO',
      finds: 'old',
    });
    expect(await sequences(inner)).toBe('7 7 6 7 7');
  });

  it('that was interrupted can go on', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const half = handover(device, { now });
    await new Promise(setImmediate);
    while (device.bytes[slotBytes + 8] === 7) await new Promise(setImmediate);
    half.cancel();
    await expect(half).rejects.toMatchObject({ code: 'ABORT_ERR', finds: 'old' });
    expect(await sequences(device)).toContain('7');
    await handover(device, { now });
    expect(await sequences(device)).toBe('1 1 1 1 1');
  });

  it('refuses where it would not be safe, with nothing written', async () => {
    for (const [disk, code] of [
      ['x - - - -', 'ERR_NO_METADATA'],
      ['9 9 2r 2r 2r', 'ERR_METADATA_AMBIGUOUS'],
      ['7 7 7f 7 7', 'ERR_METADATA_AMBIGUOUS'],
    ] as const) {
      const device = drawnDevice(disk);
      const before = device.bytes.slice();
      await expect(handover(device, { now })).rejects.toMatchObject({ code });
      expectBytes(device.bytes, before);
    }
  });

  it.each(['7 7 7 6 6', '7 6 6 . .', '7 x 6 6 -', '7 7 7 7 7', '7 1 1 - .'])(
    'of %s goes on after a power cut at any write, and ends with one table everywhere',
    async (disk) => {
      const count = new LyingDevice(drawnDevice(disk).bytes);
      await handover(count, { now });
      for (let cut = 1; cut <= count.count.write; cut++) {
        for (const fate of ['old', 'new', 'torn'] as const) {
          const device = new LyingDevice(drawnDevice(disk).bytes);
          device.cutPowerAt(cut, [fate, fate]);
          await expect(handover(device, { now })).rejects.toMatchObject({ code: expect.any(String) });
          const back = new MemoryDevice(device.afterPowerCut());
          const found = await examineDevice(back, { now: drawnNow });
          expect(found.entries[0]?.originalSector).toBe(7n);
          await handover(back, { now });
          const { copies, lints } = await examineDevice(back, { now: drawnNow });
          expect(copies.every(({ slot }) => slot.state === 'absent' || slot.state === 'valid')).toBe(true);
          expect(lints.filter(({ severity }) => severity === 'error')).toEqual([]);
        }
      }
    },
  );

  it('finds a write that was lost although it was acknowledged, wherever it was', async () => {
    for (let nth = 1; nth <= 5; nth++) {
      const device = new LyingDevice(drawnDevice('7 7 7 6 7').bytes);
      device.lay({ fault: 'lost' }, { on: 'write', nth });
      await expect(handover(device, { now })).rejects.toMatchObject({
        code: 'ERR_COMMIT_PARTIAL',
        finds: 'old',
      });
    }
  });
});

describe('arguments', () => {
  it('that are none are refused with a code', async () => {
    const device = drawnDevice('7 7 7 7 7');
    for (const options of [{ geometry: 'auto' }, { copyIndex: 'banana' }]) {
      await expect(handover(device, options as never)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
      });
    }
    for (const copy of [7, -1, 1.5, '1']) {
      await expect(repair(device, { copy } as never)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    }
  });

  it('a repair of numbers alone never touches the last good copy before another is durable', async () => {
    const image = new Uint8Array(4 * 1024 * 1024);
    [1, 0, 3, 4, 2].forEach((copyIndex, copy) => {
      image.set(drawSlot({ sequence: 5n, copyIndex }), copy * slotBytes);
    });
    const device = new LyingDevice(image);
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write' });
    const { commit } = await repair(device, { now, apply: true });
    expect(commit?.copies[0]).toMatchObject({ outcome: 'untouched' });
    expect(device.count.write).toBe(4);
  });
});
