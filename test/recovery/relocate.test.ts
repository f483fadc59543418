// Data out of the metadata region: what is judged to be data, where it goes, and that no crash loses it.
import { describe, expect, it } from 'vitest';
import { type InFlight, LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { relocate } from '../../lib/recovery/relocate.js';
import { planRelocation } from '../../lib/recovery/relocate-plan.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow, drawSlot, examineImage } from '../support/disk.js';
import { dataOf, type Remap, spareWithData } from '../support/inside.js';
import { now } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

const spareSectors = 8192n;

const plan = (image: Uint8Array, options = {}) => planRelocation(examineImage(image), spareSectors, options);

/** What each entry in force has at its place. */
function dataFound(image: Uint8Array): string[] {
  const { entries } = examineImage(image, { now: drawnNow });
  return entries
    .filter(({ effective }) => effective)
    .map(({ originalSector, spareSector }) => {
      const at = Number(spareSector) * 512;
      const same = Buffer.compare(image.subarray(at, at + 512), dataOf(originalSector)) === 0;
      return `${originalSector}${same ? '' : ' LOST'}`;
    });
}

const inMetadata = (image: Uint8Array) =>
  examineImage(image, { now: drawnNow }).lints.filter(({ id }) => id === 'spare-inside-metadata').length;

describe('what is there', () => {
  it.each<[what: string, disk: string, remap: Remap, data: boolean, holds: string, why: RegExp]>([
    ['in the header, which it has damaged', '7 7 7 7 7', [5n, 0n], true, 'data', /damaged copy 0/],
    ['among the entries', '7 7 7 7 7', [5n, 20n], true, 'data', /damaged copy 0/],
    ['in the last sector of the structure', '7 7 7 7 7', [5n, 164n], true, 'data', /damaged copy 0/],
    ['behind the structure', '7 7 7 7 7', [5n, 165n], true, 'data', /behind the structure of copy 0/],
    ['in the last sector of the region', '7 7 7 7 7', [5n, 1279n], true, 'data', /structure of copy 4/],
    ['the header of a valid copy', '7 7 7 7 7', [5n, 256n], false, 'metadata', /copy 1 is valid/],
    ['zeros of a valid copy', '7 7 7 7 7', [5n, 400n], false, 'metadata', /copy 1 is valid/],
    ['what another copy holds there too', '7 x 7 7 7', [5n, 400n], false, 'metadata', /what copy 0 holds/],
    ['a header that is damaged elsewhere', '7 x 7 7 7', [5n, 256n], false, 'metadata', /magic number/],
    ['metadata with an impossible health', '7 7h 7 7 7', [5n, 256n], false, 'metadata', /checksum of copy 1/],
    ['the zeros of a slot that was disarmed', '7 - 7 7 7', [5n, 256n], false, 'doubtful', /zeros/],
  ])('%s', (_, disk, remap, data, holds, why) => {
    const [found] = plan(spareWithData(disk, [remap], data ? [] : [remap[0]])).inside;
    expect(found).toMatchObject({ index: 0, holds, why: expect.stringMatching(why) });
    expect(found?.to === null).toBe(holds !== 'data');
  });

  it('a sector that two entries use is doubtful: it is the data of one of them', () => {
    const image = spareWithData('7 7 7 7 7', [
      [5n, 200n],
      [9n, 200n],
    ]);
    expect(plan(image).inside.map(({ holds }) => holds)).toEqual(['doubtful', 'doubtful']);
    const { moves, entries } = plan(image, { doubtful: true });
    expect(moves).toMatchObject([
      { from: 200n, to: 1280n },
      { from: 200n, to: 1288n },
    ]);
    expect(entries.map(({ spareSector }) => spareSector)).toEqual([1280n, 1288n]);
  });

  it('an entry that is overridden, and one elsewhere, are nobody’s business', () => {
    const image = spareWithData('7 7 7 7 7', [
      [5n, 200n],
      [5n, 2000n],
      [6n, 2000n],
    ]);
    expect(plan(image)).toMatchObject({ inside: [], moves: [], refusal: null });
  });
});

describe('where it goes', () => {
  const to = (remaps: readonly Remap[], image = spareWithData('7 7 7 7 7', remaps)) =>
    plan(image).entries.map(({ spareSector }) => Number(spareSector));

  it('to multiples of 8, past what is in use and the room behind it', () => {
    expect(
      to([
        [1n, 170n],
        [2n, 1280n],
        [100n, 1290n],
        [50n, 190n],
      ]),
    ).toEqual([1304, 1280, 1290, 1312]);
  });

  it('neighbours of one logical block stay together', () => {
    expect(
      to([
        [16n, 170n],
        [17n, 171n],
        [23n, 177n],
        [24n, 178n],
      ]),
    ).toEqual([1280, 1281, 1287, 1288]);
  });

  it('past the places of ghosts and of other tables', () => {
    const image = spareWithData('7 7 7 7 7', [[1n, 170n]]);
    image.set(drawSlot({ sequence: 6n, remaps: [[3n, 1283n]] }), 4 * slotBytes);
    expect(to([], image)).toEqual([1296]);
  });

  it('nowhere on an image of the region alone', () => {
    const image = spareWithData('7 7 7 7 7', [[1n, 170n]]).slice(0, 655_360);
    expect(planRelocation(examineImage(image), 1280n).refusal?.code).toBe('ERR_SPARE_EXHAUSTED');
  });
});

describe('the order of the slots', () => {
  const remaps: readonly Remap[] = [
    [5n, 0n],
    [6n, 257n],
  ];

  it('leaves those with data until a new copy is durable', () => {
    const { order, refusal } = plan(spareWithData('7 7 7 x 7', remaps));
    expect([order.map(({ copy }) => copy), refusal]).toEqual([[3, 4, 0, 1, 2], null]);
    expect(order.map(({ last }) => last)).toEqual([false, false, true, true, true]);
  });

  it('leaves one that the rest of a longer request lies in', () => {
    const order = (disk: string, spare: bigint) =>
      plan(spareWithData(disk, [[5n, spare]])).order.map(({ copy }) => copy);
    expect(order('7 x 7 7 7', 253n)).toEqual([2, 3, 4, 1, 0]);
    expect(order('7 x 7 7 7', 248n)).toEqual([1, 2, 3, 4, 0]);
    expect(order('7 7 7 7 7', 253n)).toEqual([1, 2, 3, 4, 0]);
  });

  it('where there is no other to begin with, it is refused unless that is allowed', () => {
    const all: readonly Remap[] = [0n, 256n, 512n, 768n].map((spare, at) => [BigInt(at), spare]);
    const image = spareWithData('7 7 7 7 7', all);
    expect(plan(image).refusal).toMatchObject({
      code: 'ERR_DATA_IN_METADATA',
      message: expect.stringContaining('begin with copy 0'),
    });
    expect(plan(image, { allowDataInMetadata: true }).refusal).toBeNull();
  });

  it('what may be data and is not moved would be overwritten, and that is refused', () => {
    const image = spareWithData(
      '7 - 7 7 7',
      [
        [5n, 256n],
        [6n, 170n],
      ],
      [5n],
    );
    expect(plan(image).refusal?.code).toBe('ERR_DATA_IN_METADATA');
    expect(plan(image, { doubtful: true }).refusal).toBeNull();
  });
});

/** Disks and tables, each with data that must survive. */
const layouts: readonly [what: string, disk: string, remaps: readonly Remap[]][] = [
  [
    'behind the structures',
    '7 7 7 7 7',
    [
      [5n, 165n],
      [6n, 167n],
      [7n, 700n],
      [8n, 1279n - 80n],
    ],
  ],
  [
    'in the header of copy 0',
    '7 7 7 7 7',
    [
      [1004n, 0n],
      [1001n, 1n],
    ],
  ],
  [
    'in three structures',
    '7 7 7 7 7',
    [
      [1n, 0n],
      [2n, 300n],
      [3n, 520n],
      [4n, 2000n],
    ],
  ],
  [
    'beside a damaged and a stale copy',
    '7 7 x 6 7',
    [
      [1n, 0n],
      [2n, 1n],
      [3n, 170n],
    ],
  ],
  [
    'of three copies',
    '7 7 7 - -',
    [
      [1n, 100n],
      [2n, 400n],
    ],
  ],
];

const timeout = 120_000;

describe.each(layouts)('%s', { timeout }, (_, disk, remaps) => {
  const image = spareWithData(disk, remaps);
  const whole = remaps.map(([original]) => `${original}`);

  it('everything is moved, and the second time there is nothing to do', async () => {
    const device = new MemoryDevice(image);
    const { commit, after } = await relocate(device, { now, apply: true });
    expect(commit).toMatchObject({ sequence: 8n, finds: 'new', degraded: [] });
    expect(after?.elections.agree).toBe(true);
    expect(dataFound(device.bytes)).toEqual(whole);
    expect(inMetadata(device.bytes)).toBe(0);
    const done = device.bytes.slice();
    expect(await relocate(device, { now, apply: true })).toMatchObject({ commit: null, after: null });
    expectBytes(device.bytes, done);
  });

  it('a power cut at each write leaves a table whose data is where it says, and the same again goes on', async () => {
    expect(dataFound(image)).toEqual(whole);
    const count = new LyingDevice(image);
    await relocate(count, { now, apply: true });
    for (let cut = 1; cut <= count.count.write; cut++) {
      for (const fate of ['old', 'new', 'torn'] satisfies InFlight[]) {
        const device = new LyingDevice(image, { seed: cut });
        device.cutPowerAt(cut, [fate, fate, fate, fate]);
        //  Where two copies or more are durable it is degraded, and succeeds.
        await relocate(device, { now, apply: true }).catch(() => undefined);
        expect(device.isPoweredOff).toBe(true);
        const left = device.afterPowerCut();
        expect([cut, fate, dataFound(left)]).toEqual([cut, fate, whole]);
        const back = new MemoryDevice(left);
        await relocate(back, { now, apply: true });
        expect([cut, fate, dataFound(back.bytes), inMetadata(back.bytes)]).toEqual([cut, fate, whole, 0]);
      }
    }
  });
});

describe('the data comes first', () => {
  const image = spareWithData('7 7 7 7 7', [
    [5n, 0n],
    [6n, 170n],
  ]);
  const finds = { code: 'ERR_IO', finds: 'old', outcome: 'untouched' };

  it('is written and read back before any copy is touched', async () => {
    const spy = new SpyDevice(new MemoryDevice(image));
    await relocate(spy, { now, apply: true });
    const places = spy.groups.map((group) => group.map(({ offset }) => Number(offset) >= 655_360));
    expect(places[0]).toEqual([true, true]);
    expect(places.slice(1).flat()).not.toContain(true);
  });

  it('where it cannot be written no copy is touched', async () => {
    const device = new LyingDevice(image);
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', nth: 2 });
    await expect(relocate(device, { now, apply: true })).rejects.toMatchObject(finds);
    expectBytes(device.bytes.subarray(0, 655_360), image.subarray(0, 655_360));
  });

  it.each(['lost', 'torn', 'misdirected'] as const)('a %s write of it is noticed', async (fault) => {
    const device = new LyingDevice(image.slice().fill(0x55, 512, 4096));
    const lie = {
      lost: { fault: 'lost' },
      torn: { fault: 'torn', atomicity: 512, acknowledged: true },
      misdirected: { fault: 'misdirected', by: 65_536 },
    } as const;
    device.lay(lie[fault], { on: 'write', nth: 1 });
    const failed = relocate(device, { now, apply: true });
    await expect(failed).rejects.toMatchObject({ code: 'ERR_COMMIT_PARTIAL', finds: 'old' });
    expect(dataFound(device.bytes)).toEqual(['5', '6']);
  });

  it('on logical blocks of 4,096 bytes whole blocks are written', async () => {
    const group = Array.from({ length: 8 }, (_, at): Remap => [BigInt(64 + at), BigInt(176 + at)]);
    const device = new MemoryDevice(spareWithData('7 7 7 7 7', [...group, [5n, 0n]]), {
      logicalBlockSize: 4096,
    });
    await relocate(device, { now, apply: true });
    expect(dataFound(device.bytes)).toEqual([...group.map(([original]) => `${original}`), '5']);
    const { entries } = await examineDevice(device, { now: drawnNow });
    expect(entries.slice(0, 8).map(({ spareSector }) => spareSector % 8n)).toEqual([
      0n,
      1n,
      2n,
      3n,
      4n,
      5n,
      6n,
      7n,
    ]);
  });

  it('what a longer request would reach goes along, also from behind the region', async () => {
    const bytes = spareWithData('7 7 7 7 7', [[5n, 1276n]]);
    bytes.fill(0x77, 1277 * 512, 1284 * 512);
    const device = new MemoryDevice(bytes);
    await relocate(device, { now, apply: true });
    const [entry] = (await examineDevice(device, { now: drawnNow })).entries;
    const at = Number(entry?.spareSector) * 512;
    expect(at).toBeGreaterThanOrEqual(1288 * 512);
    expectBytes(device.bytes.subarray(at, at + 4096), bytes.subarray(1276 * 512, 1284 * 512));
  });
});

describe('a refusal writes nothing', () => {
  it.each<[what: string, image: Uint8Array, code: string]>([
    ['no metadata', new Uint8Array(655_360), 'ERR_NO_METADATA'],
    ['more than one table', spareWithData('7 7f 7 7 7', [[5n, 170n]]), 'ERR_METADATA_AMBIGUOUS'],
    [
      'an image of the region',
      spareWithData('7 7 7 7 7', [[5n, 170n]]).slice(0, 655_360),
      'ERR_SPARE_EXHAUSTED',
    ],
  ])('%s', async (_, image, code) => {
    const device = new MemoryDevice(image);
    await expect(relocate(device, { now, apply: true })).rejects.toMatchObject({ code });
    expectBytes(device.bytes, image);
  });

  it('a copy that cannot be read', async () => {
    const device = new LyingDevice(spareWithData('7 7 7 7 7', [[5n, 170n]]));
    const range = { offset: BigInt(2 * slotBytes), length: 512 };
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'read', range });
    await expect(relocate(device, { now, apply: true })).rejects.toMatchObject({ code: 'ERR_IO' });
    expect(device.count.write).toBe(0);
  });

  it('a full spare', () => {
    const image = new Uint8Array(655_360);
    const remaps: Remap[] = Array.from({ length: 864 }, (_, at) => [BigInt(at), BigInt(1280 + at * 8)]);
    for (let copy = 0; copy < 5; copy++)
      image.set(drawSlot({ remaps: [...remaps, [2000n, 170n]] }), copy * slotBytes);
    expect(plan(image).refusal?.code).toBe('ERR_SPARE_EXHAUSTED');
  });
});
