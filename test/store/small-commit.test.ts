// A commit costs what it changes: what is written, what is checksummed, and when a whole copy is written after all.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { decodeCopy, type ValidCopy } from '../../lib/format/codec.js';
import { metadataRegionBytes } from '../../lib/format/geometry.js';
import { metadataOf, withEntries } from '../../lib/format/metadata.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnEntry, drawSlot } from '../support/disk.js';
import { goldenBytes } from '../support/golden.js';
import { random } from '../support/random.js';
import { drawnDevice, failure, now, offsetOf, openStore } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

const counted = vi.hoisted(() => ({ bytes: 0 }));
vi.mock('node:zlib', async (original) => {
  const zlib = await original<typeof import('node:zlib')>();
  return {
    ...zlib,
    crc32: (data: Uint8Array, value?: number) => {
      counted.bytes += data.length;
      return zlib.crc32(data, value);
    },
  };
});

/** A spare with room for every remap of a full table. */
function spare(remaps: number, copyIndex?: number): MemoryDevice {
  const table = Array.from({ length: remaps }, (_, at) => drawnEntry(BigInt(at), BigInt(1280 + 8 * at)));
  const image = new Uint8Array(20 * 1024 * 1024);
  for (let copy = 0; copy < 5; copy++) {
    const slot = drawSlot({
      sequence: 7n,
      remaps: table.map(({ originalSector, spareSector }) => [originalSector, spareSector] as const),
      copyIndex: copyIndex ?? copy,
      header: { spareDeviceSectors: 40_960n as never },
    });
    image.set(slot, copy * slotBytes);
  }
  return new MemoryDevice(image);
}

const writtenTo = (spy: SpyDevice, copy: number) =>
  spy.groups
    .flat()
    .filter(({ offset }) => offset / BigInt(slotBytes) === BigInt(copy))
    .reduce((sum, { bytes }) => sum + bytes.length, 0);

beforeEach(() => {
  counted.bytes = 0;
});

describe('a commit of one more remap', () => {
  it.each([0, 1, 4, 5, 94, 100, 299, 1000, 2047])(
    'behind %i others writes 12 KiB a copy at most, and checksums only what changes',
    async (remaps) => {
      const spy = new SpyDevice(spare(remaps));
      const store = await openStore(spy);
      store.table.add(12_000);
      counted.bytes = 0;
      await store.commit();
      // 24 and 280 bytes of header, and 40 of the entry. The copy indices stay.
      expect(counted.bytes).toBe(24 + 280 + 40);
      const block = (byte: number) => Math.floor(byte / 4096);
      const entry = 312 + 40 * remaps;
      const blocks = new Set([0, block(entry), block(entry + 39)]).size;
      for (let copy = 0; copy < 5; copy++) expect(writtenTo(spy, copy)).toBe(4096 * blocks);
      expect(4096 * blocks).toBeLessThanOrEqual(12 * 1024);

      const reopened = await MetadataStore.open(spy, { now });
      expect([...reopened.table]).toEqual([...store.table]);
      expect(reopened.report.lints.filter(({ severity }) => severity === 'error')).toEqual([]);
      expect(reopened.report.copies.map(({ slot }) => slot.state)).toEqual(Array(5).fill('valid'));
      await store.close();
    },
  );

  it('also where all copies carry the number that the module gave them', async () => {
    const spy = new SpyDevice(spare(3, 0));
    const store = await openStore(spy);
    store.table.add(12_000);
    await store.commit();
    for (let copy = 0; copy < 5; copy++) expect(writtenTo(spy, copy)).toBe(4096);
    const after = await MetadataStore.open(spy, { now });
    expect(after.report.copies.map(({ slot }) => slot.state === 'valid' && slot.header.copyIndex)).toEqual([
      0, 1, 2, 3, 4,
    ]);
  });

  it('on a device of 4096-byte blocks, and of what a small commit has written before', async () => {
    const image = spare(300).bytes;
    const spy = new SpyDevice(new MemoryDevice(image, { logicalBlockSize: 4096 }));
    const store = await openStore(spy);
    for (let round = 0; round < 5; round++) {
      store.table.add(12_000 + round);
      spy.groups.length = 0;
      await store.commit();
      expect(writtenTo(spy, 3)).toBeLessThanOrEqual(12 * 1024);
    }
    expect((await MetadataStore.open(spy, { now })).table.size).toBe(305);
  });
});

describe('a whole copy is written', () => {
  const wholes = (spy: SpyDevice) => [0, 1, 2, 3, 4].filter((copy) => writtenTo(spy, copy) >= structureBytes);

  it.each([
    ['7 x - 6 7', [1, 2, 3]], //  Damaged, blank, stale.
    ['7 7 7 m v', [3, 4]],
    ['7 7y 7j 7 7', [1, 2]], //  Damaged where copies may differ: like the named one in all that is compared.
    ['7 7 7 7 7', []],
  ])('to slots of %s that are not known to hold the table: %j', async (disk, expected) => {
    const spy = new SpyDevice(drawnDevice(disk));
    const store = await openStore(spy);
    await store.commit();
    expect(wholes(spy)).toEqual(expected);
    spy.groups.length = 0;
    await store.commit();
    expect(wholes(spy)).toEqual([]); // Now they are known.
  });

  it('where another copy was named than the one that a slot holds', async () => {
    const spy = new SpyDevice(drawnDevice('8 8 7f 7 7'));
    await (await openStore(spy, 2)).commit();
    expect(wholes(spy)).toEqual([0, 1, 3, 4]);
  });

  it('after a write error, since nobody knows what the slot holds', async () => {
    const spy = new SpyDevice(spare(300));
    const store = await openStore(spy);
    spy.faults.push({ offset: offsetOf(2) + 3n * 4096n, errno: 'EIO' });
    store.table.add(12_000);
    expect((await store.commit()).degraded).toEqual([2]);
    spy.faults.length = 0;
    spy.groups.length = 0;
    expect((await store.commit()).degraded).toEqual([]);
    expect(wholes(spy)).toEqual([2]);
  });

  it('after an abort, to the copies that were in flight, and the table that comes out is right', async () => {
    const device = spare(300);
    const spy = new SpyDevice(device);
    const store = await openStore(spy);
    store.table.add(12_000);
    device.stall();
    const committing = store.commit();
    committing.cancel();
    const error = await failure(committing);
    expect(error.copies.map(({ outcome }) => outcome)).toContain('unknown');
    device.resume();
    await error.drained;
    spy.groups.length = 0;
    store.table.add(12_001);
    await store.commit();
    expect(wholes(spy)).toEqual(
      error.copies.filter(({ outcome }) => outcome === 'unknown').map(({ copy }) => copy),
    );
    const after = await MetadataStore.open(device, { now });
    expect(after.table.size).toBe(302);
    expect(after.report.copies.map(({ slot }) => slot.state)).toEqual(Array(5).fill('valid'));
  });

  it('when it is created', async () => {
    const spy = new SpyDevice(new MemoryDevice(metadataRegionBytes));
    await MetadataStore.create(spy, { mainSectors: 1000n, now });
    for (let copy = 0; copy < 5; copy++) expect(writtenTo(spy, copy)).toBe(slotBytes);
  });
});

it('commit after commit, a slot is what encoding the table from nothing would be, and the rest of it stays', async () => {
  const { int } = random(77);
  const start = goldenBytes('u_hundred');
  random(5).fill(start.subarray(structureBytes, slotBytes)); // What lies behind copy 0's structure is not ours.
  const device = new LyingDevice(start);
  const store = await MetadataStore.open(device, { mode: 'write', now });
  const first = decodeCopy(start.subarray(0, slotBytes)) as ValidCopy;
  for (let round = 0; round < 120; round++) {
    const table = [...store.table];
    for (let change = int(4); change > 0; change--) store.table.add(5000 + 10 * round + change);
    for (let change = int(3); change > 0 && table.length > 0; change--) {
      const { originalSector } = table.splice(int(table.length), 1)[0] as (typeof table)[number];
      store.table.remove(originalSector);
    }
    await store.commit();
    const expected = withEntries(metadataOf(first), [...store.table]);
    for (let copy = 0; copy < 5; copy++) {
      const slot = decodeCopy(device.bytes.subarray(copy * slotBytes, (copy + 1) * slotBytes));
      expect(slot).toMatchObject({ state: 'valid', ghosts: [], entries: expected.entries });
    }
    expect(
      Buffer.compare(
        device.bytes.subarray(structureBytes, slotBytes),
        start.subarray(structureBytes, slotBytes),
      ),
    ).toBe(0);
  }
});
