// A handover ends at the first write error: what is left may only be overwritten when all before it is durable. What it has
// written by then it tells, in whichever of its two commits it was.
import { expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { handover } from '../../lib/recovery/handover.js';
import { drawnNow, examineImage } from '../support/disk.js';
import { drawnDevice, failure, now, offsetOf } from '../support/spare.js';

it.each([1, 2, 3])('on stale copy %i it leaves every copy of the elected table as it was', async (copy) => {
  const device = new LyingDevice(drawnDevice('7 6 6 6 7').bytes);
  device.lay(
    { fault: 'error', errno: 'EIO' },
    { on: 'write', range: { offset: offsetOf(copy), length: slotBytes } },
  );
  const error = await failure(handover(device, { now }));
  expect(error).toMatchObject({ code: 'ERR_COMMIT_PARTIAL', errno: 'EIO', finds: 'old', sameTable: true });
  const { copies, elections } = examineImage(device.bytes.subarray(0, 655_360), { now: drawnNow });
  const sequenceOf = (at: number) => {
    const slot = copies[at]?.slot;
    return slot?.state === 'valid' ? slot.header.sequenceNumber : undefined;
  };
  expect([0, 4].map(sequenceOf)).toEqual([7n, 7n]);
  expect(elections).toMatchObject({ agree: true, ours: { sequence: 7n } });
  // The failed phase is the last one: nothing behind it is written.
  for (const later of [1, 2, 3].filter((other) => other > copy + 1)) expect(sequenceOf(later)).toBe(6n);
});

it.each(['EIO', 'abort'] as const)(
  '%s at a copy of the elected table: what was rewritten before is told as written',
  async (how) => {
    const controller = new AbortController();
    const device = new LyingDevice(drawnDevice('7 6 6 6 7').bytes);
    const range = { offset: offsetOf(4), length: slotBytes };
    if (how === 'EIO') device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range });
    const write = device.writeOrdered.bind(device);
    device.writeOrdered = (groups, options) => {
      const isOnHolder = groups.flat().some(({ offset }) => offset === offsetOf(4));
      if (how === 'abort' && isOnHolder) controller.abort();
      return write(groups, options);
    };
    const error = await failure(handover(device, { now, signal: controller.signal }));
    expect(error.outcome).toBe('unknown');
    for (const { copies } of [error, await error.drained]) {
      expect(copies.map(({ outcome }) => outcome).slice(1, 4)).toEqual(['written', 'written', 'written']);
    }
  },
);
