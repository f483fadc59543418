// Several stores, a store that closes, and what is said and written where things are unusual (format.md rule 8).
import { describe, expect, it } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { repair } from '../../lib/recovery/repair.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow } from '../support/disk.js';
import { goldenBytes } from '../support/golden.js';
import { drawnDevice, electedSequence, failure, issued, now, offsetOf, openStore } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

describe('stores on one device', () => {
  it('exclude each other while one of them can write', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const first = await openStore(device);
    await expect(openStore(device)).rejects.toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    await expect(repair(device, { now, apply: true })).rejects.toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    await MetadataStore.open(device, { now });
    await first.close();
    await (await openStore(device)).close();
  });

  it('cannot write after an abort before its write has landed, and never give out its sequence again', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const first = await openStore(device);
    device.stall();
    const committing = first.commit();
    committing.cancel();
    const error = await failure(committing);
    expect(await first.close()).toMatchObject({ leftInFlight: 1 });
    await expect(openStore(device)).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    const creating = MetadataStore.create(device, { mainSectors: 1000n, now, force: true });
    await expect(creating).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    device.resume();
    await error.drained;
    expect((await (await openStore(device)).commit()).sequence).toBe(9n);
  });

  it('that were opened for reading never write', async () => {
    const device = drawnDevice('9 9 2r 2r 2r');
    const before = device.bytes.slice();
    const store = await MetadataStore.open(device, { now });
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_STORE_READ_ONLY' });
    expectBytes(device.bytes, before);
  });
});

describe('close', () => {
  it('aborts a commit that is under way, and comes after its settlement', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    let settled = false;
    const failing = failure(store.commit());
    void failing.then(() => {
      settled = true;
    });
    await store.close();
    expect(settled).toBe(true);
    expect(await failing).toMatchObject({ code: 'ERR_STORE_CLOSED', finds: 'either' });
    device.resume();
  });

  it.each(['the store', 'the device'])(
    'of %s ends a commit that waits for a stuck write, and nothing is written later',
    async (what) => {
      const device = drawnDevice('7 7 . . .');
      const store = await openStore(device);
      device.stall();
      const committing = store.commit();
      committing.cancel();
      await failure(committing);
      const waiting = failure(store.commit({ unsettled: 'wait' }));
      if (what === 'the store') await store.close();
      else await device.close({ graceMs: 0 });
      expect((await waiting).code).toBe(what === 'the store' ? 'ERR_STORE_CLOSED' : 'ERR_DEVICE_CLOSED');
      device.resume();
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      expect(await electedSequence(new MemoryDevice(device.bytes))).toBe(8n);
    },
  );
});

describe('a stuck copy', () => {
  it('of one aborted commit stays left out when that of another has landed', async () => {
    const device = new LyingDevice(drawnDevice('7 7 7 7 7').bytes);
    const store = await openStore(device);
    const stuckAt = async (copy: number) => {
      const lift = device.lay(
        { fault: 'late' },
        { on: 'write', range: { offset: offsetOf(copy), length: 512 } },
      );
      const committing = store.commit();
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      committing.cancel();
      const error = await failure(committing);
      lift();
      return error;
    };
    const first = await stuckAt(1);
    const second = await stuckAt(2);
    expect(first.copies[1]?.outcome).toBe('unknown');
    expect(second.copies[2]?.outcome).toBe('unknown');
    device.resume(1);
    await first.drained;
    const report = await store.commit();
    expect(report.copies[2]).toMatchObject({ outcome: 'untouched', reason: 'unsettled' });
    expect(report).toMatchObject({ sequence: 10n, degraded: [2] });
    device.resume();
    await second.drained;
    expect(await electedSequence(device)).toBe(10n);
  });
});

describe('what is said and written where things are unusual', () => {
  it('phases get smaller with each copy that fails', async () => {
    const spy = new SpyDevice(drawnDevice('7 7 7 7 7'));
    for (const copy of [2, 3]) spy.faults.push({ offset: offsetOf(copy), errno: 'EIO' });
    await (await openStore(spy)).commit();
    expect(issued(spy)).toBe('w1 | w2 w3 | w4 | w0');
  });

  it('a copy that was named against the elections may lose to what won before, and that is said', async () => {
    const device = drawnDevice('9 x 2r 2r 2r');
    const store = await openStore(device, 2);
    device.stall();
    const committing = store.commit();
    committing.cancel();
    expect(await failure(committing)).toMatchObject({ finds: 'other' });
    device.resume();
  });

  it('a clock that steps back leaves no regression', async () => {
    const device = drawnDevice('7 7 7 7 7');
    let clock = 0n;
    const store = await MetadataStore.open(device, {
      now: () => unixSeconds(drawnNow + clock),
      mode: 'write',
    });
    device.stall();
    const committing = store.commit();
    committing.cancel();
    const error = await failure(committing);
    clock = -50n;
    const next = store.commit();
    device.resume();
    await next;
    await error.drained;
    const { ambiguities } = await examineDevice(device, { now: drawnNow });
    expect(ambiguities).toEqual([]);
  });

  it('a create with force never destroys the last good copy before the new table is durable', async () => {
    const inner = drawnDevice('9+ 9+ . . .');
    const spy = new SpyDevice(inner);
    spy.faults.push({ offset: offsetOf(0), errno: 'EIO' }, { offset: offsetOf(1), errno: 'EIO' });
    const creating = MetadataStore.create(spy, { mainSectors: 1000n, now, force: true });
    await expect(creating).rejects.toMatchObject({ code: 'ERR_COMMIT_PARTIAL' });
    expect(issued(spy)).toBe('w1');
  });

  it('a create with force does not destroy live data inside the metadata region unless it is told to', async () => {
    const device = new MemoryDevice(goldenBytes('real_autoremap'));
    const clock = () => unixSeconds(1_795_400_000);
    const options = { mainSectors: 1000n, now: clock, force: true };
    await expect(MetadataStore.create(device, options)).rejects.toMatchObject({
      code: 'ERR_DATA_IN_METADATA',
    });
    await (await MetadataStore.create(device, { ...options, allowDataInMetadata: true })).close();
  });

  it('a clock far behind does not hide that the copies differ', async () => {
    const device = drawnDevice('9 9 2r 2r 2r');
    const opening = MetadataStore.open(device, { mode: 'write', now: () => unixSeconds(0) });
    await expect(opening).rejects.toMatchObject({ code: 'ERR_METADATA_AMBIGUOUS' });
  });
});
