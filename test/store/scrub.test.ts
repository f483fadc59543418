// A scrub finds what has become of the copies, and the next commit mends it without ever risking the last good one.
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import type { MemoryDevice } from '../../lib/device/memory-device.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import type { MetadataStore } from '../../lib/store/metadata-store.js';
import { expectBytes } from '../support/bytes.js';
import { drawWord } from '../support/draw.js';
import { drawnDevice, electedSequence, failure, issued, offsetOf, openStore } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

const at = (copy: number) => ({ offset: offsetOf(copy), length: slotBytes });
const copies = [0, 1, 2, 3, 4];

const lying = (disk: string) => new LyingDevice(drawnDevice(disk).bytes);

/** Puts a drawn slot on the medium, behind the store's back. */
const put = (device: MemoryDevice, copy: number, word: string) =>
  device.write(offsetOf(copy), drawWord(word) as Uint8Array);

async function flipBit(device: MemoryDevice, copy: number, offset: number): Promise<void> {
  const slot = device.bytes.slice(copy * slotBytes, (copy + 1) * slotBytes);
  slot[offset] = (slot[offset] as number) ^ 1;
  await device.write(offsetOf(copy), slot);
}

/** What a scrub says, as a disk: state and sequence of each copy. */
const scrubbed = async (store: MetadataStore) =>
  (await store.scrub()).copies.map(({ state, sequence }) => `${state} ${sequence ?? '-'}`);

const all = (what: string) => copies.map(() => what);
const but = (copy: number, what: string, others: string) =>
  copies.map((one) => (one === copy ? what : others));

describe('a scrub of copies as they were left', () => {
  it.each(['7 7 7 7 7', '7 7 7 . .', '7 7 . . .'])(
    'of %s finds nothing to mend, and writes nothing',
    async (disk) => {
      const device = lying(disk);
      const store = await openStore(device);
      const before = device.bytes.slice();
      const report = await store.scrub();
      expect(report).toMatchObject({ needsRepair: false, code: undefined });
      expect(report.copies.map(({ state }) => state)).toEqual(
        disk.split(' ').map((word) => (word === '.' ? 'absent' : 'intact')),
      );
      expect(device.count).toMatchObject({ write: 0 });
      expectBytes(device.bytes, before);
    },
  );

  it.each([
    ['7 7 7 7 7', undefined],
    ['7 7 7 7 7', 3],
    ['7 x - 6 7', undefined],
    ['7 7 7y 7 7j', undefined],
    ['9+ 8 7 7 7', 0],
    ['9+ 8 7 7 7', 1],
    ['7 7t . . .', 0],
    ['7t 7 7t . .', 1],
    ['9 9 2r 2r 2r', 2],
    ['7 7 7f 7f 7', 2],
    ['7 s 7 7# 7h', 0],
    ['7 7 9h 7 7', undefined],
  ])('of %s with copy %s named changes nothing of the commit that follows', async (disk, copy) => {
    const [scrubs, plain] = [new SpyDevice(drawnDevice(disk)), new SpyDevice(drawnDevice(disk))];
    const store = await openStore(scrubs, copy);
    const first = await store.scrub();
    expect(await store.scrub()).toEqual(first);
    expect(first.code).toBeUndefined();
    await store.commit();
    await (await openStore(plain, copy)).commit();
    expect(issued(scrubs)).toBe(issued(plain));
    // Also in what is written: a copy that is known byte for byte still is.
    const lengths = (spy: SpyDevice) => spy.groups.flat().map(({ bytes }) => bytes.length);
    expect(lengths(scrubs)).toEqual(lengths(plain));
    expect(await scrubbed(store)).toEqual(
      all(`intact ${store.sequence}`).map((intact, at) =>
        disk.split(' ')[at] === '.' ? 'absent -' : intact,
      ),
    );
  });

  it('of a store that was opened for reading tells the same', async () => {
    const device = drawnDevice('7 x - 6 7');
    const { MetadataStore: Store } = await import('../../lib/store/metadata-store.js');
    const store = await Store.open(device, { mode: 'read' });
    expect(await scrubbed(store)).toEqual(['intact 7', 'damaged -', 'damaged -', 'stale 6', 'intact 7']);
  });
});

describe('silent corruption', () => {
  it.each(copies)(
    'of copy %i is found, wherever the bit, and mended first by the next commit',
    async (copy) => {
      // The magic, the sequence, an entry, an entry far behind, the last byte: also where a commit would write nothing.
      for (const offset of [0, 8, 320, 60_000, structureBytes - 1]) {
        const device = drawnDevice('7 7 7 7 7');
        const spy = new SpyDevice(device);
        const store = await openStore(spy);
        await flipBit(device, copy, offset);
        const report = await store.scrub();
        expect(report.copies.map(({ state }) => state)).toEqual(but(copy, 'damaged', 'intact'));
        expect(report.copies[copy]?.damage).toMatchObject({ fault: offset === 0 ? 'magic' : 'checksum' });
        expect(report).toMatchObject({ needsRepair: true, code: undefined });
        expect(await store.commit()).toMatchObject({ degraded: [], finds: 'new' });
        expect(issued(spy)).toMatch(new RegExp(`^d${copy} \\| w${copy} \\| `));
        expect(await scrubbed(store)).toEqual(all('intact 8'));
      }
    },
  );

  it('without a scrub outlives a commit, which writes what changes alone', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    await flipBit(device, 2, 60_000);
    await store.commit();
    expect((await store.scrub()).copies[2]).toMatchObject({ state: 'damaged' });
  });

  it.each([
    ['-', 'blank'],
    ['g', 'magic'],
    ['v', 'version'],
    ['x', 'checksum'],
  ])('that leaves %s is damage: %s', async (word, fault) => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    await put(device, 3, word);
    const { copies: found } = await store.scrub();
    expect(found[3]).toMatchObject({ state: 'damaged', sequence: null, damage: { fault } });
    await store.commit();
    expect(await scrubbed(store)).toEqual(all('intact 8'));
  });

  it('of all five is mended from what the store holds in memory', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    for (const copy of copies) await flipBit(device, copy, 400);
    expect(await store.scrub()).toMatchObject({ needsRepair: true, code: undefined });
    await store.commit();
    expect(store.table.size).toBe(1);
    expect(await scrubbed(store)).toEqual(all('intact 8'));
  });

  it('behind the structure is no damage, and stays', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    await flipBit(device, 1, structureBytes + 5);
    const tail = () => device.bytes.slice(slotBytes + structureBytes, 2 * slotBytes);
    const before = tail();
    expect(await scrubbed(store)).toEqual(all('intact 7'));
    await store.commit();
    expectBytes(tail(), before);
  });
});

describe('a write that the device acknowledged', () => {
  it.each(copies)(
    'and lost on copy %i leaves it stale, and it is rewritten whole before any intact one',
    async (copy) => {
      const device = lying('7 7 7 7 7');
      const spy = new SpyDevice(device);
      const store = await openStore(spy);
      store.table.add(5000);
      const lift = device.lay({ fault: 'lost' }, { on: 'write', range: at(copy) });
      expect(await store.commit()).toMatchObject({ degraded: [] });
      lift();
      expect(await scrubbed(store)).toEqual(but(copy, 'stale 7', 'intact 8'));
      spy.groups.length = 0;
      expect(await store.commit()).toMatchObject({ sequence: 9n, degraded: [] });
      expect(issued(spy)).toMatch(new RegExp(`^w${copy} \\| `));
      expect(spy.groups[0]?.[0]?.bytes.length).toBeGreaterThanOrEqual(structureBytes);
      expect(await scrubbed(store)).toEqual(all('intact 9'));
    },
  );

  it('and lost on all leaves what a reader finds to the last, and says what that is', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    store.table.add(5000);
    const lift = device.lay({ fault: 'lost' }, { on: 'write' });
    await store.commit();
    lift();
    for (const round of ['first', 'second'])
      expect([round, ...(await scrubbed(store))]).toEqual([round, ...all('stale 7')]);
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write' });
    expect(await failure(store.commit())).toMatchObject({ code: 'ERR_COMMIT_PARTIAL', finds: 'other' });
    expect(await electedSequence(device)).toBe(7n);
    device.liftAll();
    expect(await store.commit()).toMatchObject({ finds: 'new' });
    expect(await scrubbed(store)).toEqual(all(`intact ${store.sequence}`));
    expect(store.table.lookup(5000)).toBeDefined();
  });

  it('and lost on all, when the ones before were not, leaves the store with the table that was acknowledged', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    await store.commit();
    const lift = device.lay({ fault: 'lost' }, { on: 'write' });
    await store.commit();
    lift();
    for (let round = 0; round < 2; round++) expect(await scrubbed(store)).toEqual(all('stale 8'));
    expect(await store.commit()).toMatchObject({ sequence: 10n, degraded: [] });
    expect(await scrubbed(store)).toEqual(all('intact 10'));
  });

  it('and put in another copy’s place is told of as such', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    await store.commit();
    await device.write(offsetOf(3), device.bytes.slice(slotBytes, 2 * slotBytes));
    for (let round = 0; round < 2; round++) {
      expect(await store.scrub()).toMatchObject({ needsRepair: true });
      expect(await scrubbed(store)).toEqual(but(3, 'misdirected 8', 'intact 8'));
    }
    await store.commit();
    expect(await scrubbed(store)).toEqual(all('intact 9'));
  });

  it('is known as the store’s own after hundreds of others', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    await store.commit();
    device.lay({ fault: 'lost' }, { on: 'write', range: at(4) });
    for (let commits = 0; commits < 300; commits++) await store.commit();
    expect(await scrubbed(store)).toEqual(but(4, 'stale 8', 'intact 308'));
  });
});

describe('a copy that cannot be read any more', () => {
  const bad = { fault: 'error', errno: 'EIO' } as const;

  it.each(copies)(
    '%i is rewritten whole by the next commit, for the drive to replace its sectors',
    async (copy) => {
      const device = lying('7 7 7 7 7');
      const spy = new SpyDevice(device);
      const store = await openStore(spy);
      const lift = device.lay(bad, { on: 'read', range: at(copy) });
      const report = await store.scrub();
      expect(report.copies.map(({ state }) => state)).toEqual(but(copy, 'unreadable', 'intact'));
      expect(report.copies[copy]?.damage).toEqual({ fault: 'unreadable', errno: 'EIO' });
      expect(report).toMatchObject({ needsRepair: true, code: undefined });
      expect(await store.commit()).toMatchObject({ degraded: [] });
      expect(spy.groups[0]).toMatchObject([{ offset: offsetOf(copy), bytes: { length: slotBytes } }]);
      lift();
      expect(await scrubbed(store)).toEqual(all('intact 8'));
    },
  );

  it('is left alone while no other copy of the table can be read', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    const before = device.bytes.slice();
    device.lay(bad, { on: 'read' });
    expect(await store.scrub()).toMatchObject({ needsRepair: false, code: 'ERR_IO' });
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_IO' });
    expectBytes(device.bytes, before);
    // It was the cable.
    device.liftAll();
    expect(await scrubbed(store)).toEqual(all('intact 7'));
    expect(await store.commit()).toMatchObject({ degraded: [] });
  });

  it('and was damaged when it could is left alone: what has to be disarmed first cannot be', async () => {
    const device = lying('7 7 x 7 7');
    const store = await openStore(device);
    device.lay(bad, { on: 'read', range: at(2) });
    expect(await store.scrub()).toMatchObject({ needsRepair: false });
    expect(await store.commit()).toMatchObject({ degraded: [2] });
  });

  it('and whose rewriting fails too is not tried again', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    for (const on of ['read', 'write'] as const) device.lay(bad, { on, range: at(0) });
    await store.scrub();
    expect(await store.commit()).toMatchObject({ degraded: [0] });
    const { write } = device.count;
    expect(await store.commit()).toMatchObject({ degraded: [0] });
    expect(device.count.write).toBe(write + 4);
    expect(await store.scrub()).toMatchObject({ needsRepair: false });
  });

  it('where the device is gone is no copy’s damage: the scrub says so, and what is believed stays', async () => {
    const device = lying('7 7 7 7 7');
    const store = await openStore(device);
    device.lay({ fault: 'vanished' }, { on: 'read' });
    await expect(store.scrub()).rejects.toMatchObject({ code: 'ERR_DEVICE_VANISHED', errno: 'ENODEV' });
    device.liftAll();
    expect(await store.scrub()).toMatchObject({ needsRepair: false });
  });
});
