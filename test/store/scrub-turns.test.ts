// A scrub beside all that can go on at the same time: another writer, commits, aborts, and a store that closes.
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { expectBytes } from '../support/bytes.js';
import { drawWord } from '../support/draw.js';
import { drawnDevice, electedSequence, failure, issued, now, offsetOf, openStore } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

const lying = (disk: string) => new LyingDevice(drawnDevice(disk).bytes);
const states = async (store: MetadataStore) => (await store.scrub()).copies.map(({ state }) => state);
const at = (copy: number) => ({ offset: offsetOf(copy), length: slotBytes });

describe('another writer', () => {
  // The store has opened 7 and committed 8 and 9: these are what somebody else could have written meanwhile.
  it.each([
    ['12', 'a higher sequence'],
    ['9f', 'the same sequence, as a writer on another host that went on from the same table'],
    ['8', 'a sequence that the store has given out too'],
    ['2r', 'a low sequence, as the kernel module after it was loaded'],
    ['3', 'a low sequence and an old date'],
    ['12+', 'a date in the future'],
    ['9h', 'what nobody takes, with a good checksum'],
    ['12#', 'too many entries, with a good checksum'],
    ['s', 'the layout of the shell tool'],
  ])('of %s, %s, is told, and nothing is written over', async (word) => {
    for (const written of [[2], [0, 1, 2, 3, 4]]) {
      const device = drawnDevice('7 7 7 7 7');
      const store = await openStore(device);
      await store.commit();
      store.table.add(5000);
      await store.commit();
      for (const copy of written) await device.write(offsetOf(copy), drawWord(word) as Uint8Array);
      const before = device.bytes.slice();

      const report = await store.scrub();
      expect(report).toMatchObject({ needsRepair: false, code: 'ERR_ANOTHER_WRITER' });
      expect(report.copies.map(({ state }) => state)).toEqual(
        [0, 1, 2, 3, 4].map((copy) => (written.includes(copy) ? 'foreign' : 'intact')),
      );
      await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_ANOTHER_WRITER' });
      await expect(store.commit({ allowUnsafe: true })).rejects.toThrow(/cop(y|ies) [0-4 ,and]+, so nothing/);
      expectBytes(device.bytes, before);
      // Not only at the first look.
      expect(await store.scrub()).toEqual(report);
    }
  });

  it('is not forgotten when its copy is damaged or cannot be read any more', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    await device.write(offsetOf(2), drawWord('12') as Uint8Array);
    await store.scrub();
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'read', range: at(2) });
    expect((await states(store))[2]).toBe('foreign');
    device.liftAll();
    await device.write(offsetOf(2), drawWord('g') as Uint8Array);
    const report = await store.scrub();
    expect(report.copies[2]).toMatchObject({ state: 'damaged' });
    expect(report.code).toBe('ERR_ANOTHER_WRITER');
    await expect(store.commit()).rejects.toThrow(/a copy, so nothing/);
  });

  it('is found out of the way too where a commit reads back what it did not finish', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    const lift = device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range: at(3) });
    expect(await store.commit()).toMatchObject({ degraded: [3] });
    lift();
    await device.write(offsetOf(3), drawWord('12') as Uint8Array);
    const before = device.bytes.slice();
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_ANOTHER_WRITER' });
    expectBytes(device.bytes, before);
  });

  it('and this one are for the caller to choose between, who opens the store anew', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    await device.write(offsetOf(2), drawWord('12') as Uint8Array);
    await store.scrub();
    await store.close();
    const chosen = await openStore(device, 0);
    expect(await chosen.commit()).toMatchObject({ sequence: 13n, degraded: [] });
    expect(await states(chosen)).toEqual(Array(5).fill('intact'));
  });

  it('keeps a copy that cannot be read from being rewritten', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    await device.write(offsetOf(2), drawWord('12') as Uint8Array);
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'read', range: at(1) });
    expect(await store.scrub()).toMatchObject({ needsRepair: false, code: 'ERR_ANOTHER_WRITER' });
  });
});

describe('a scrub takes its turn', () => {
  it('a commit waits for it, and it sees the table from before', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    const lift = device.lay({ fault: 'late' }, { on: 'read', range: at(4) });
    const scrub = store.scrub();
    const commit = store.commit();
    // The four other reads are done, and a commit would have written by now.
    while (device.count.read < 11) await new Promise(setImmediate);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(device.count.write).toBe(0);
    lift();
    device.resume();
    expect((await scrub).copies.map(({ sequence }) => sequence)).toEqual(Array(5).fill(7n));
    expect(await commit).toMatchObject({ sequence: 8n, degraded: [] });
  });

  it('it waits for a commit, and sees the table from after', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    const lift = device.lay({ fault: 'late' }, { on: 'write', range: at(3) });
    const commit = store.commit();
    const scrub = store.scrub();
    const reads = device.count.read;
    while (device.count.write < 1) await new Promise(setImmediate);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(device.count.read).toBe(reads);
    lift();
    device.resume();
    await commit;
    expect((await scrub).copies).toMatchObject(Array(5).fill({ state: 'intact', sequence: 8n }));
  });

  it('commits and scrubs in any order end in that order, each with a picture of one moment', async () => {
    const store = await openStore(drawnDevice('7 7 7 7 7'));
    const seen = await Promise.all([
      store.scrub().then(({ copies }) => copies.map(({ sequence }) => sequence)),
      store.commit().then(({ sequence }) => sequence),
      store.scrub().then(({ copies }) => copies.map(({ sequence }) => sequence)),
      store.scrub().then(({ copies }) => copies.map(({ sequence }) => sequence)),
      store.commit({ allowUnsafe: true }).then(({ sequence }) => sequence),
    ]);
    expect(seen).toEqual([Array(5).fill(7n), 8n, Array(5).fill(8n), Array(5).fill(8n), 9n]);
  });

  it('an abort while it waits ends it at once, and the commit goes on', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    const commit = store.commit();
    const scrub = store.scrub();
    const timed = store.scrub({ timeoutMs: 0 });
    scrub.cancel('no');
    await expect(scrub).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'no' });
    await expect(timed).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect(store.scrub({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    device.resume();
    expect(await commit).toMatchObject({ sequence: 8n, degraded: [] });
    expect(await states(store)).toEqual(Array(5).fill('intact'));
  });

  it('an abort in the middle leaves what the store knows as it was, and the turn to the next', async () => {
    const device = lying('7 7 7 7 7');
    const spy = new SpyDevice(device);
    const store = await openStore(spy);
    await device.write(offsetOf(2), drawWord('g') as Uint8Array);
    device.lay({ fault: 'late' }, { on: 'read', range: at(4) });
    const scrub = store.scrub();
    while (device.count.read < 11) await new Promise(setImmediate);
    scrub.cancel();
    await expect(scrub).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await store.commit();
    expect(issued(spy)).toBe('w1 | w2 w3 | w4 w0');
    device.liftAll();
    device.resume();
    expect((await states(store))[2]).toBe('damaged');
  });

  it('ends with the store, whether it waits or reads, and none begins after', async () => {
    for (const commitFirst of [true, false]) {
      const device = drawnDevice('7 7 7 7 7');
      const store = await openStore(device);
      device.stall();
      const commit = commitFirst ? failure(store.commit()) : undefined;
      const failing = expect(store.scrub()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
      const closing = store.close();
      await failing;
      await commit;
      await closing;
      await expect(store.scrub()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
      device.resume();
    }
  });

  it('ends with the device', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    const failing = expect(store.scrub()).rejects.toMatchObject({ code: 'ERR_DEVICE_CLOSED' });
    device.resume();
    await device.close({ graceMs: 0 });
    await failing;
  });
});

describe('slots of which nothing is known', () => {
  it('are not read: while a write may still land, and until a commit has read back what became of it', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    device.lay({ fault: 'late' }, { on: 'write', range: at(1) });
    const commit = store.commit();
    commit.cancel();
    const aborted = await failure(commit);
    const reads = () => device.count.read;
    let before = reads();
    expect(await store.scrub()).toMatchObject({ needsRepair: false, code: undefined });
    expect(reads()).toBe(before + 4);
    expect((await states(store))[1]).toBe('unsettled');

    device.liftAll();
    device.resume();
    await aborted.drained;
    before = reads();
    const report = await store.scrub();
    expect(reads()).toBe(before + 4);
    expect(report.copies[1]).toEqual({ copy: 1, state: 'unread', sequence: null, damage: null });
    expect(report.needsRepair).toBe(true);
    expect(await store.commit()).toMatchObject({ sequence: 9n, degraded: [] });
    expect(await states(store)).toEqual(Array(5).fill('intact'));
  });

  it('still belong to the store when an aborted commit has landed and nothing else has', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    const commit = store.commit();
    commit.cancel();
    const aborted = await failure(commit);
    device.resume();
    await aborted.drained;
    expect(await electedSequence(device)).toBe(8n);
    // A commit that comes to nothing has read it back: it is what the store goes on from.
    const lift = device.lay({ fault: 'error', errno: 'ENOSPC' }, { on: 'write' });
    await failure(store.commit());
    lift();
    const { copies } = await store.scrub();
    expect(copies[1]).toMatchObject({ state: 'intact', sequence: 8n });
    expect(await store.commit()).toMatchObject({ sequence: 10n, degraded: [] });
    expect(await states(store)).toEqual(Array(5).fill('intact'));
    expect((await MetadataStore.open(device, { now })).sequence).toBe(10n);
  });
});
