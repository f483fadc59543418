// What a store keeps back: places that other copies name, and ghosts that nothing is added over (format.md rule 12).
import { describe, expect, it } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { entriesOffset, entryBytes, slotBytes } from '../../lib/format/structure.js';
import { repair } from '../../lib/recovery/repair.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { expectBytes } from '../support/bytes.js';
import { type DrawnSlot, drawnNow, drawSlot } from '../support/disk.js';
import { cutSlot, type Left, timeOfTable } from '../support/ghosts.js';
import { now } from '../support/spare.js';

const spareBytes = 4 * 2 ** 20;

function deviceOf(slots: readonly DrawnSlot[]): MemoryDevice {
  const device = new MemoryDevice(spareBytes);
  slots.forEach((slot, copy) => void device.bytes.set(slot as Uint8Array, copy * slotBytes));
  return device;
}

const five = (slot: DrawnSlot): DrawnSlot[] => [slot, slot, slot, slot, slot];
const open = (device: MemoryDevice, options = {}) =>
  MetadataStore.open(device, { mode: 'write', now, ...options });
const code = (name: string) => expect.objectContaining({ code: name });
const mapped = (table: Iterable<{ originalSector: bigint; spareSector: bigint }>) =>
  Array.from(table, ({ originalSector, spareSector }) => [originalSector, spareSector]);

const lost: readonly Left[] = [
  { original: 7n, spare: 1280n },
  { original: 8n, spare: 1288n },
  { original: 9n, spare: 1296n },
];

describe('a place that another valid copy names', () => {
  const shared = [1n, 1280n] as const;
  const others = [
    [2n, 1288n],
    [3n, 1301n],
  ] as const;
  const elected = drawSlot({ sequence: 5n, remaps: [shared] });
  const sides = {
    'the other side of a fork': [drawSlot({ remaps: [shared] }), drawSlot({ remaps: [shared, ...others] })],
    'a stale copy': [elected, drawSlot({ sequence: 3n, remaps: others })],
    'a newer copy that was passed over': [elected, drawSlot({ sequence: 9n, remaps: others })],
  } as const;

  it.each(Object.entries(sides))('%s: is not handed out, and refused where it is named', async (_, slots) => {
    const [named, other] = slots;
    await using store = await open(deviceOf([named, named, named, named, other]), { copy: 0 });
    const { table } = store;
    expect(table.held).toEqual({ places: 3, entries: 2, ghosts: 0 });
    expect(table.remaining).toBe((8192 - 1280) / 8 - 1 - 3);
    //  1301 reaches into the place at 1304.
    expect([table.add(11).spareSector, table.add(12).spareSector]).toEqual([1312n, 1320n]);
    for (const spare of [1288n, 1287n, 1281n, 1295n, 1294n, 1301n, 1308n]) {
      expect(() => table.add(99, { spare }), `${spare}`).toThrow(code('ERR_SPARE_HELD'));
    }
    expect(() => table.add(99, { spare: 1280n })).toThrow(code('ERR_SPARE_IN_USE'));
    expect(table.add(99, { spare: 1288n, allowHeld: true }).spareSector).toBe(1288n);
    await store.commit();
    expect(table.add(13).spareSector).toBe(1328n);
  });

  it('with a spacing of one too, with the room of a whole request around it', async () => {
    const [named, other] = sides['a stale copy'];
    await using store = await open(deviceOf([named, named, named, named, other]), { spacing: 1 });
    expect(store.table.add(11).spareSector).toBe(1309n);
  });

  it('says what names it', async () => {
    const [named, other] = sides['a stale copy'];
    await using store = await open(deviceOf([named, other, named, named, other]));
    expect(() => store.table.add(99, { spare: 1290n })).toThrow(
      'spare sector 1290 is held back: an entry of copies 1 and 4 names sector 1288',
    );
    expect(store.table.heldPlaces).toEqual([
      { spareSector: 1288n, by: 'entry', copies: [1, 4] },
      { spareSector: 1301n, by: 'entry', copies: [1, 4] },
    ]);
  });

  it('of the table itself is kept where it is taken out, for whoever puts it back', async () => {
    await using store = await open(deviceOf(five(drawSlot({ remaps: [[1n, 1280n]] }))));
    const { table } = store;
    const entry = table.remove(1);
    expect(table.add(2).spareSector).toBe(1288n);
    expect(() => table.add(3, { spare: 1280n })).toThrow(code('ERR_SPARE_HELD'));
    table.insert(entry);
    expect(table.lookup(1)).toBe(1280n);
  });

  it('a spare that is full of them says so', async () => {
    const named = drawSlot({ sequence: 5n, remaps: [], header: { spareDeviceSectors: 1296n as never } });
    const other = drawSlot({
      remaps: [
        [2n, 1280n],
        [3n, 1288n],
      ],
    });
    await using store = await open(deviceOf([named, named, named, named, other]));
    expect(store.table.remaining).toBe(0);
    expect(() => store.table.add(1)).toThrow(
      'the spare (1296 sectors) has no free sector left: 2 places are held back',
    );
  });

  it('a create that replaces everything holds nothing back', async () => {
    const device = deviceOf(five(drawSlot({ remaps: [[1n, 1280n]] })));
    await using store = await MetadataStore.create(device, { now, mainSectors: 16_384n, force: true });
    expect(store.table.held).toEqual({ places: 0, entries: 0, ghosts: 0 });
    expect(store.table.add(1).spareSector).toBe(1280n);
  });
});

describe('ghosts that look as the module writes them', () => {
  const emptied = () => deviceOf(five(cutSlot(0, lost)));

  it('keep new entries out, and what is reserved for them', async () => {
    const device = emptied();
    const before = Uint8Array.from(device.bytes);
    await using store = await open(device);
    const { table } = store;
    expect(table.ghosts.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(table.held).toEqual({ places: 3, entries: 0, ghosts: 3 });
    for (const add of [
      () => table.add(11),
      () => table.add(11, { spare: 4000n, allowHeld: true }),
      () => table.reserve(),
    ]) {
      expect(add).toThrow(code('ERR_GHOST_ENTRIES'));
    }
    expect(table.size).toBe(0);
    expectBytes(device.bytes, before);
  });

  it('whatever their date says: a clock that was wrong is no reason to overwrite them', async () => {
    const later = lost.map((one) => ({ ...one, time: timeOfTable + 10n ** 15n }));
    await using store = await open(deviceOf(five(cutSlot(0, later))));
    expect(() => store.table.add(11)).toThrow(code('ERR_GHOST_ENTRIES'));
  });

  it.each([
    ['no time', { time: 0n }],
    ['no flags', { flags: 0 }],
    ['flags that nobody writes', { flags: 6 }],
    ['padding', { padding: 1 }],
  ])('others keep nobody out: %s', async (_, what) => {
    await using store = await open(deviceOf(five(cutSlot(0, [{ original: 7n, spare: 1280n, ...what }]))));
    expect(store.table.ghosts).toEqual([]);
    expect(store.table.add(11).spareSector).toBe(1280n);
  });

  it('are given up with the next commit, and their places when that is durable', async () => {
    const device = emptied();
    await using store = await open(device, { ghosts: 'forget' });
    const { table } = store;
    expect(() => table.add(10, { spare: 1280n })).toThrow(code('ERR_SPARE_HELD'));
    expect(table.add(11).spareSector).toBe(1304n);
    await store.commit();
    expect(table.held).toEqual({ places: 0, entries: 0, ghosts: 0 });
    expect(table.add(12).spareSector).toBe(1280n);
    const { copies } = await examineDevice(device, { now: drawnNow });
    for (const { slot } of copies) {
      expect(slot).toMatchObject({ state: 'valid', ghosts: [], entries: [{ originalSector: 11n }] });
    }
  });

  it('a wrong word about them is refused', async () => {
    await expect(open(emptied(), { ghosts: 'keep' })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });

  it('a removal leaves them where they are, and nothing that looks like one', async () => {
    const device = deviceOf(
      five(cutSlot(3, [...lost, { original: 10n, spare: 2000n }, { original: 11n, spare: 2008n }])),
    );
    const records = (slot: number) => {
      const at = slot * slotBytes + entriesOffset;
      return device.bytes.slice(at + 3 * entryBytes, at + 5 * entryBytes);
    };
    const before = records(0);
    {
      await using store = await open(device);
      store.table.remove(7);
      await store.commit();
    }
    for (let copy = 0; copy < 5; copy++) expectBytes(records(copy), before);
    await using store = await open(device);
    expect(mapped(store.table)).toEqual([
      [8n, 1288n],
      [9n, 1296n],
    ]);
    expect(store.table.ghosts.map(({ index }) => index)).toEqual([3, 4]);
    expect(() => store.table.add(1)).toThrow(code('ERR_GHOST_ENTRIES'));
  });

  it('after a removal from a table without ghosts there are none', async () => {
    const device = deviceOf(
      five(
        drawSlot({
          remaps: [
            [1n, 1280n],
            [2n, 1288n],
          ],
        }),
      ),
    );
    {
      await using store = await open(device);
      store.table.add(3);
      await store.commit();
      for (const original of [1, 3, 2]) {
        store.table.remove(original);
        await store.commit();
      }
    }
    await using store = await open(device);
    expect(store.report.ghosts).toEqual([]);
    expect(store.table.add(1).spareSector).toBe(1280n);
  });

  it('taken back, they are entries and no ghosts: added to, taken out and added to again', async () => {
    const some = [lost[0], { original: 8n, spare: 100n }, lost[2]] as readonly Left[];
    const device = deviceOf(five(cutSlot(0, some)));
    await repair(device, { now, apply: true, ghosts: 'all' });
    {
      await using store = await open(device);
      expect(mapped(store.table)).toEqual([
        [7n, 1280n],
        [9n, 1296n],
      ]);
      expect(store.report.ghosts).toEqual([]);
      store.table.remove(9);
      await store.commit();
    }
    await using store = await open(device);
    expect(store.report.ghosts).toEqual([]);
    expect(store.table.add(5).spareSector).toBe(1288n);
  });

  it('a record that says what the table says keeps nobody out, and goes with the next commit', async () => {
    const device = deviceOf(five(cutSlot(1, [lost[0], { original: 7n, spare: 1280n }] as readonly Left[])));
    {
      await using store = await open(device);
      store.table.remove(7);
      await store.commit();
    }
    //  What was removed does not come back.
    const { ghosts } = await examineDevice(device, { now: drawnNow });
    expect(ghosts).toEqual([]);
  });

  it('of other copies hold their places back too, also when they are given up, until the next opening', async () => {
    const named = drawSlot({ sequence: 5n, remaps: [] });
    await using store = await open(deviceOf([named, named, named, named, cutSlot(0, lost)]));
    expect(store.table.held).toEqual({ places: 3, entries: 0, ghosts: 3 });
    store.table.forgetGhosts();
    expect(store.table.add(1).spareSector).toBe(1304n);
  });
});
