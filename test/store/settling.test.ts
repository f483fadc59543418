// Slots of which nobody knows what they hold: when they come back into the plan, and what is said until then.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import type { Step } from '../../lib/device/request.js';
import { slotBytes } from '../../lib/format/structure.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { drawnDevice, electedSequence, failure, now, offsetOf, openStore } from '../support/spare.js';

const folder = scratchFolder();
const error = { fault: 'error', errno: 'EIO' } as const;
const at = (copy: number) => ({ offset: offsetOf(copy), length: slotBytes });

describe('a slot whose write has failed', () => {
  it('is left out from then on where it cannot be read back', async () => {
    const device = new LyingDevice(drawnDevice('7 7 7 7 7').bytes);
    const store = await openStore(device);
    device.lay(error, { on: 'write', range: at(2) });
    device.lay(error, { on: 'read', range: at(2) });
    expect((await store.commit()).degraded).toEqual([2]);
    const report = await store.commit();
    expect(report.degraded).toEqual([2]);
    expect(report.copies[2]).toMatchObject({ outcome: 'untouched', reason: 'unreadable' });
    device.liftAll();
    expect(await electedSequence(device)).toBe(9n);
  });

  it('is told with the device’s own error where what was written cannot be flushed', async () => {
    const device = new LyingDevice(drawnDevice('7 7 7 7 7').bytes);
    const store = await openStore(device);
    const lift = device.lay(error, { on: 'write', range: at(2) });
    expect((await store.commit()).degraded).toEqual([2]);
    lift();
    device.lay(error, { on: 'flush' });
    const failed = await failure(store.commit());
    expect(failed).toMatchObject({ code: 'ERR_IO', errno: 'EIO', outcome: 'untouched' });
    expect(failed.message).toContain('nothing of this commit was written');
    expect(failed.cause).toMatchObject({ code: 'ERR_IO', errno: 'EIO' });
  });

  it('is flushed before it is read back: bytes in a cache alone are no copy that outlives a power cut', async () => {
    const device = new LyingDevice(drawnDevice('7 7 7 7 7').bytes);
    const store = await openStore(device);
    const lift = device.lay(error, { on: 'write', range: at(2) });
    await store.commit();
    lift();
    const { flush, read } = device.count;
    await store.commit();
    expect(device.count).toMatchObject({ flush: flush + 1, read: read + 1 });
  });

  it('is the end where it was the only one, and what is said is what is wrong', async () => {
    const device = new LyingDevice(drawnDevice('7 . . . .').bytes);
    const store = await openStore(device);
    device.lay(error, { on: 'write' });
    device.lay(error, { on: 'read' });
    await failure(store.commit({ allowUnsafe: true }));
    await expect(store.commit({ allowUnsafe: true })).rejects.toMatchObject({ code: 'ERR_IO' });
  });

  it('holds what was read back, where an abort left the only copy in doubt', async () => {
    const device = drawnDevice('7 . . . .');
    const store = await openStore(device);
    device.stall();
    const committing = store.commit({ allowUnsafe: true });
    committing.cancel();
    await failure(committing);
    const next = store.commit({ allowUnsafe: true, unsettled: 'wait' });
    device.resume();
    expect(await next).toMatchObject({ sequence: 9n, finds: 'new' });
    expect(await electedSequence(device)).toBe(9n);
  });
});

it('copies that drain one by one after an abort are written again by the next commits', async () => {
  // The second phase of the first commit stays in flight: two copies, of which one drains early.
  class Phases extends MemoryDevice {
    #writes = 0;
    protected override isHeld(steps: readonly Step[]): boolean {
      if (steps.some(({ kind }) => kind === 'write')) this.#writes++;
      return this.#writes === 2 && steps.some(({ kind }) => kind === 'write');
    }
  }
  const device = new Phases(drawnDevice('7 7 7 7 7').bytes);
  const store = await openStore(device);
  const first = store.commit();
  for (let turn = 0; turn < 8; turn++) await new Promise(setImmediate);
  first.cancel();
  const aborted = await failure(first);
  expect(aborted.copies.filter(({ outcome }) => outcome === 'unknown').map(({ copy }) => copy)).toEqual([
    2, 3,
  ]);
  const second = store.commit({ unsettled: 'wait' });
  device.resume();
  await aborted.drained;
  expect(await second).toMatchObject({ sequence: 9n });
  expect(await store.commit()).toMatchObject({ sequence: 10n, degraded: [] });
});

it('an abort before the first write of a commit on a file leaves all of it untouched', async () => {
  const path = zeroFile(join(folder, 'spare'), 1024 * 1024);
  await (await MetadataStore.create(path, { mainSectors: 1000n, now })).close();
  const store = await MetadataStore.open(path, { mode: 'write', now });
  const committing = store.commit(); // Waits for the holes of the file to be filled.
  committing.cancel('no');
  const aborted = await failure(committing);
  expect(aborted).toMatchObject({ code: 'ABORT_ERR', cause: 'no', outcome: 'untouched', finds: 'old' });
  await store.close();
  expect((await MetadataStore.open(path, { now })).sequence).toBe(1n);
});
