// The way on at the end of the sequence (format.md rule 6): the handover of a named table. The power is cut at each of its
// writes, and the medium is read; the same command goes on from there.

import { describe, expect, it } from 'vitest';
import { type InFlight, LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { geometries } from '../../lib/format/geometry.js';
import { slotBytes } from '../../lib/format/structure.js';
import { handover } from '../../lib/recovery/handover.js';
import { relocate } from '../../lib/recovery/relocate.js';
import { repair } from '../../lib/recovery/repair.js';
import { restore } from '../../lib/recovery/restore.js';
import { sameTableOfMain } from '../../lib/store/examine/mains.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { validCopies } from '../../lib/store/table/copies.js';
import { drawnNow, examineImage, patchSlot, u32Bytes } from '../support/disk.js';
import { drawWord } from '../support/draw.js';
import { drawnDevice, failure, now } from '../support/spare.js';
import { share } from '../support/tier.js';

const examined = (image: Uint8Array) => examineImage(image.subarray(0, 655_360), { now: drawnNow });

/** The numbers of the valid copies that hold the table of this slot. */
const holding = (image: Uint8Array, table: Uint8Array) =>
  validCopies(examined(image).copies)
    .filter(({ slot }) => sameTableOfMain(slot.bytes, table))
    .map(({ copy }) => copy);

const slotOf = (image: Uint8Array, copy: number) => image.slice(copy * slotBytes, (copy + 1) * slotBytes);

function expectHandedOver(image: Uint8Array, table: Uint8Array, fits: number): void {
  const { copies, elections, ambiguities } = examined(image);
  expect(elections).toMatchObject({ agree: true, driver: { sequence: 1n }, ours: { sequence: 1n } });
  expect(ambiguities).toEqual([]);
  for (const { slot } of copies.slice(0, fits)) {
    expect(slot).toMatchObject({
      state: 'valid',
      header: { sequenceNumber: 1n, timestampSeconds: drawnNow },
    });
    if (slot.state === 'valid') expect(sameTableOfMain(slot.bytes, table)).toBe(true);
  }
}

const disks: readonly (readonly [disk: string, copy: number])[] = [
  ['M Mf M M M', 1], //  The named one is the only one of its kind.
  ['M Mf M M M', 0],
  ['7 M+ 7 7 7', 0], //  The highest sequence comes from the future.
  ['7 M+ 7 7 7', 1],
  ['M+ M+ 5 - x', 0], //  The module takes none of those that hold the table.
  ['5 M Mf M+ Mh', 0],
  ['5 M Mf M+ Mh', 3],
  ['7 9o M 7o x', 3],
  ['7 Mh - x 7', 0],
  ['M Mf . . .', 1],
  ['Mf M+ 5 . .', 2],
];

/** Of two writes that are in flight together. */
const fates: readonly (readonly [InFlight, InFlight])[] = [
  ['old', 'new'],
  ['new', 'torn'],
  ['torn', 'old'],
  ['torn', 'torn'],
];

const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );

describe.each(share(disks, 4))('%s, copy %i named', (disk, copy) => {
  const start = drawnDevice(disk).bytes;
  const fits = disk.split(' ').filter((word) => word !== '.').length;
  const size = fits === 5 ? start.length : fits * slotBytes;
  const image = start.slice(0, size);
  const table = slotOf(image, copy);

  it('every copy that fits holds it with sequence 1 in the end; the second time there is nothing to do', async () => {
    const device = new MemoryDevice(image);
    const { commit } = await handover(device, { copy, now });
    expect(commit).toMatchObject({ sequence: 1n, degraded: [], finds: 'old' });
    expectHandedOver(device.bytes, table, fits);
    expect((await handover(device, { copy, now })).commit).toBeNull();
    //  And commits can be made again, on the same device too.
    const store = await MetadataStore.open(device, { mode: 'write', now });
    expect(await store.commit()).toMatchObject({ sequence: 2n });
    await store.close();
  });

  it('a power cut at any write leaves the named table, and the same command goes on', async () => {
    const whole = new LyingDevice(image);
    await handover(whole, { copy, now });
    const writes = whole.count.write;
    expect(writes).toBeGreaterThan(fits - 1);
    for (let at = 1; at <= writes; at++) {
      for (const inFlight of fates) {
        const device = new LyingDevice(image, { seed: at });
        device.cutPowerAt(at, inFlight);
        await failure(handover(device, { copy, now }));
        const after = device.afterPowerCut();
        expect(holding(after, table).length, `write ${at}, ${inFlight}`).toBeGreaterThan(0);
        const again = new MemoryDevice(after);
        await handover(again, { copy, now });
        expectHandedOver(again.bytes, table, fits);
      }
    }
  });

  it('two durable copies hold it, one of which the module accepts, before another table is given up', async () => {
    const before = holding(image, table);
    const device = new LyingDevice(image);
    const given: number[] = [];
    const write = device.writeOrdered.bind(device);
    device.writeOrdered = (groups, options) => {
      for (const { offset, bytes } of groups.flat()) {
        const slot = Number(offset) / slotBytes;
        const isDisarm = bytes.length === 512;
        if (
          isDisarm &&
          !before.includes(slot) &&
          examined(device.bytes).copies[slot]?.slot.state === 'valid'
        ) {
          given.push(slot);
          expect(holding(device.bytes, table).length).toBeGreaterThanOrEqual(2);
          const taken = examined(device.bytes).copies.filter(({ driverRejects }) => driverRejects === null);
          expect(taken.some(({ copy: one }) => holding(device.bytes, table).includes(one))).toBe(true);
        }
      }
      return write(groups, options);
    };
    await handover(device, { copy, now });
    expect(new Set(given).size).toBe(given.length);
  });
});

describe('at the end of the sequence', () => {
  const source = () => {
    const [copy] = validCopies(examined(drawnDevice('7 7 7 7 7').bytes).copies);
    if (copy === undefined) throw new Error('nothing drawn');
    return copy.slot;
  };
  const names = { code: 'ERR_SEQUENCE_EXHAUSTED', message: expect.stringContaining('handover --use copy=1') };

  it('every refusal names the way on, and it works there', async () => {
    const device = drawnDevice('Mh 7 7 7 7');
    const before = device.bytes.slice();
    const store = await MetadataStore.open(device, { mode: 'write', now });
    expect(await refusal(store.commit())).toMatchObject(names);
    await store.close();
    expect(await refusal(repair(device, { apply: true, now }))).toMatchObject(names);
    expect(await refusal(restore(device, source(), { now, allowOther: true }))).toMatchObject(names);
    expect(
      await refusal(MetadataStore.create(device, { mainSectors: 16_384n, force: true, now })),
    ).toMatchObject(names);
    const inside = drawnDevice('7 7 7 7 7').bytes;
    for (const copy of [1, 2, 3, 4])
      inside.set(patchSlot(slotOf(inside, copy), 320, u32Bytes(200)), copy * slotBytes);
    inside.set(drawWord('Mh') as Uint8Array, 0);
    expect(await refusal(relocate(new MemoryDevice(inside), { apply: true, now }))).toMatchObject(names);
    expect(Buffer.compare(device.bytes, before)).toBe(0);

    await handover(device, { copy: 1, now });
    await restore(device, source(), { now });
    expect(examined(device.bytes).elections).toMatchObject({ agree: true, ours: { sequence: 2n } });
  });

  it.each(['Mh Mh x - g', 'x x x x Mh'])(
    'where no copy of %s is valid, create and restore invalidate what stands in the way first',
    async (disk) => {
      for (const how of ['create', 'restore'] as const) {
        const act = (device: MemoryDevice) =>
          how === 'restore'
            ? restore(device, source(), { now, allowOther: true })
            : MetadataStore.create(device, { mainSectors: 16_384n, force: true, now });
        const { bytes } = drawnDevice(disk);
        const whole = new LyingDevice(bytes);
        await act(whole);
        expect(examined(whole.bytes).elections).toMatchObject({ agree: true, ours: { sequence: 1n } });
        for (let at = 1; at <= whole.count.write; at++) {
          const device = new LyingDevice(bytes, { seed: at });
          device.cutPowerAt(at, ['torn', 'torn']);
          await act(device).catch(() => {}); //  With two durable copies a commit has succeeded.
          const left = new MemoryDevice(device.afterPowerCut());
          await act(left);
          expect(examined(left.bytes).elections.agree).toBe(true);
        }
      }
    },
  );

  it.each([1, 2, 3])('a write error at copy %i is told copy by copy', async (bad) => {
    const device = new LyingDevice(drawnDevice('M Mf M M M').bytes);
    const offset = geometries.driver.slots[bad] as bigint;
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range: { offset, length: slotBytes } });
    const error = await failure(handover(device, { copy: 0, now }));
    expect(error).toMatchObject({ code: 'ERR_COMMIT_PARTIAL', errno: 'EIO' });
    expect(error.copies).toHaveLength(5);
    expect(holding(device.bytes, drawWord('M') as Uint8Array).length).toBeGreaterThan(0);
  });

  it('a lost write is found before anything else is given up', async () => {
    const device = new LyingDevice(drawnDevice('M Mf M M M').bytes);
    device.lay({ fault: 'lost' }, { on: 'write', nth: 1 });
    const error = await failure(handover(device, { copy: 1, now }));
    expect(error).toMatchObject({ code: 'ERR_COMMIT_PARTIAL', finds: 'other' });
    expect(error.message).toContain('copy 1, which was named, is untouched');
    expect(examined(device.bytes).copies.map(({ slot }) => slot.state)).toEqual(Array(5).fill('valid'));
  });
});
