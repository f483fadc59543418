// Undo, cut off at every write there is: of what is undone, of the undo, and of the undo of that.

import { describe, expect, it } from 'vitest';
import type { UnixSeconds } from '../../lib/base/units.js';
import type { Device } from '../../lib/device/device.js';
import { type InFlight, LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { PlannedDevice } from '../../lib/device/planned-device.js';
import { metadataRegionBytes } from '../../lib/format/geometry.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { handover } from '../../lib/recovery/handover.js';
import { decodePreimage, encodePreimage, preimageOf, writtenSince } from '../../lib/recovery/preimage.js';
import { readRegion } from '../../lib/recovery/region.js';
import { type Operation, rehearse } from '../../lib/recovery/rehearse.js';
import { relocate } from '../../lib/recovery/relocate.js';
import { repair } from '../../lib/recovery/repair.js';
import { restore } from '../../lib/recovery/restore.js';
import { putBack, putBackResult } from '../../lib/recovery/undo.js';
import { copiesIn, undoGroups } from '../../lib/recovery/undo-plan.js';
import { electOurs } from '../../lib/store/examine/election.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { validCopies } from '../../lib/store/table/copies.js';
import { sameTable } from '../../lib/store/table/table.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow, drawSlot, examineImage } from '../support/disk.js';
import { type Remap, spareWithData } from '../support/inside.js';
import { drawnDevice, now } from '../support/spare.js';
import { share } from '../support/tier.js';

const none = () => ({});
const fates: readonly InFlight[] = ['old', 'new', 'torn'];

/** A commit of one more remap; a repair; and whatever else overwrites metadata. */
const operations: Readonly<Record<string, Operation<unknown>>> = {
  'remap add': async (device) => {
    await using store = await MetadataStore.open(device, { now, mode: 'write' });
    store.table.add(5000n, { timestampNs: 1n });
    await store.commit();
  },
  repair: (device) => repair(device, { now, apply: true }),
  'repair --use copy=2': (device) => repair(device, { now, apply: true, copy: 2, commit: true }),
  handover: (device) => handover(device, { now }),
  restore: (device) => {
    const [table] = validCopies(copiesIn(drawnDevice('5 - - - -').bytes.subarray(0, metadataRegionBytes)));
    return restore(device, (table as NonNullable<typeof table>).slot, { now });
  },
};

const rows: readonly [command: string, disk: string][] = [
  ['remap add', '7 7 7 7 7'],
  ['remap add', '7 x - 6 7'],
  ['repair', '7 x - 6 7'],
  ['repair', 'x x 6 x v'],
  ['repair', '7 7 7 9h 7'],
  ['repair --use copy=2', '9 9 2r 2r 2r'],
  ['repair --use copy=2', '7 7 7f x -'],
  ['handover', '7 7 6 x 7'],
  ['restore', '7 7 7 x -'],
  ['restore', 'x v - m x'],
  ['restore', '- - - - -'],
];

/** What a command has saved, from a file and back, before it wrote. */
async function saved(device: Device, command: string, operate: Operation<unknown>) {
  const plan = await rehearse(device, await readRegion(device, none), drawnNow, operate);
  const report = await examineDevice(new MemoryDevice(plan.region.bytes), { now: drawnNow });
  const document = preimageOf(plan, command, device.info, report, report);
  return { plan, preimage: decodePreimage(encodePreimage(plan.region.bytes, document)) };
}

type Saved = Awaited<ReturnType<typeof saved>>['preimage'];

/** As the command does it: what is there has to be explained by the pre-image, unless it is forced. */
async function undo(device: Device, preimage: Saved, { force = false } = {}): Promise<void> {
  const found = await readRegion(device, none);
  if (!force) expect([...writtenSince(preimage, found.bytes, 512)]).toEqual([]);
  await putBack(device, { target: preimage.region, found, leave: [] }, drawnNow, none);
}

const regionOf = (device: MemoryDevice): Uint8Array => device.bytes.subarray(0, metadataRegionBytes);

/** The writes of an operation on a disk. */
async function writesOf(image: Uint8Array, operate: (device: Device) => Promise<unknown>): Promise<number> {
  const device = new LyingDevice(image);
  await operate(device);
  return device.count.write;
}

/** What is on the medium after a power cut at each write, with each fate of what is in flight. */
async function* cutAtEachWrite(image: Uint8Array, operate: (device: Device) => Promise<unknown>) {
  const writes = await writesOf(image, operate);
  expect(writes).toBeGreaterThan(0);
  for (let write = 1; write <= writes; write++) {
    for (const fate of fates) {
      const device = new LyingDevice(image, { seed: write });
      device.cutPowerAt(write, [fate, fate === 'new' ? 'old' : fate]);
      //  A commit with two durable copies has succeeded, whatever came after.
      await operate(device).catch((error: unknown) => expect(error).toHaveProperty('code'));
      expect(device.isPoweredOff).toBe(true);
      yield { write, fate, image: device.afterPowerCut() };
    }
  }
}

describe.each(share(rows, 3))('%s of %s', (command, disk) => {
  const image = regionOf(drawnDevice(disk)).slice();
  const operate = operations[command] as Operation<unknown>;

  it('is undone byte for byte, and the undo too', async () => {
    const device = new MemoryDevice(image);
    const { plan, preimage } = await saved(device, command, operate);
    await operate(new PlannedDevice(device, plan.writes), now);
    const done = regionOf(device).slice();
    expectBytes(done, plan.after);
    const back = await saved(device, 'undo', (target) => undo(target, preimage));
    await undo(device, preimage);
    expectBytes(device.bytes, image);
    await undo(device, back.preimage);
    expectBytes(regionOf(device), done);
  });

  it('is undone after a power cut at any of its writes', async () => {
    const { preimage } = await saved(new MemoryDevice(image), command, operate);
    for await (const cut of cutAtEachWrite(image, (device) => operate(device, now))) {
      const device = new MemoryDevice(cut.image);
      await undo(device, preimage);
      expectBytes(device.bytes, image);
    }
  });

  it('is undone by an undo that goes on after a power cut at any of its own, and by that of the undo', async () => {
    const device = new MemoryDevice(image);
    const { preimage } = await saved(device, command, operate);
    await operate(device, now);
    const done = device.bytes.slice();
    const back = await saved(device, 'undo', (target) => undo(target, preimage));
    for await (const cut of cutAtEachWrite(done, (target) => undo(target, preimage))) {
      const resumed = new MemoryDevice(cut.image);
      await undo(resumed, preimage);
      expectBytes(resumed.bytes, image);
      const reverted = new MemoryDevice(cut.image);
      await undo(reverted, back.preimage);
      expectBytes(reverted.bytes, done);
    }
  });

  it('finds the table from before or the one that is put back, at every moment of the undo', async () => {
    const device = new MemoryDevice(image);
    const { preimage } = await saved(device, command, operate);
    await operate(device, now);
    const done = device.bytes.slice();
    const tables = [regionOf(device), preimage.region].map((region) => electOurs(copiesIn(region)));
    //  Where no table is put back, there is none to be found in the end.
    const legal = tables.flatMap((table) => (table === null ? [] : [table.slot.bytes]));
    for await (const { image: left } of cutAtEachWrite(done, (target) => undo(target, preimage))) {
      const found = electOurs(copiesIn(left.subarray(0, metadataRegionBytes)));
      if (found === null) expect(tables[1]).toBeNull();
      else expect(legal.some((bytes) => sameTable(bytes, found.slot.bytes))).toBe(true);
    }
  });

  it('is undone with every copy destroyed since, where that is forced', async () => {
    const { preimage } = await saved(new MemoryDevice(image), command, operate);
    const device = new MemoryDevice(image);
    device.bytes.fill(0xa5, 0, metadataRegionBytes);
    const strange = writtenSince(preimage, regionOf(device), 512);
    expect([...strange.keys()]).toEqual([0, 1, 2, 3, 4]);
    await undo(device, preimage, { force: true });
    expectBytes(device.bytes, image);
  });
});

describe.each<[what: string, disk: string, remaps: readonly Remap[]]>([
  ['a copy that would be put back last', '7 7 7 7 7', [[6n, 1156n]]],
  [
    'copies beside a blank and a stale one',
    '7 - 7 6 7',
    [
      [5n, 0n],
      [6n, 620n],
    ],
  ],
  ['a copy, of a longer request', '7 7 x 7 7', [[5n, 509n]]],
])('data in the structure of %s', (_, disk, remaps) => {
  const image = spareWithData(disk, remaps);
  /** What the table in force says where the data of each remap is, with the rest of a longer request. */
  const dataIn = (bytes: Uint8Array) =>
    examineImage(bytes).entries.map(({ spareSector }) =>
      Buffer.from(bytes.subarray(Number(spareSector) * 512, (Number(spareSector) + 8) * 512)),
    );
  const whole = dataIn(image);

  it('is where the table in force says, at every moment of an undo of its relocation, and of the undo of that', async () => {
    const device = new MemoryDevice(image);
    await relocate(device, { now, apply: true });
    const moved = device.bytes.slice();
    expect(dataIn(moved)).toEqual(whole);
    const before = moved.slice();
    before.set(image.subarray(0, metadataRegionBytes));
    for (const [found, wanted] of [
      [moved, before],
      [before, moved],
    ] as const) {
      const putBackOn = async (stage: Device) => {
        const region = await readRegion(stage, none);
        await putBack(
          stage,
          { target: wanted.subarray(0, metadataRegionBytes), found: region, leave: [] },
          drawnNow,
          none,
        );
      };
      for await (const { image: left } of cutAtEachWrite(found, putBackOn)) {
        expect(dataIn(left).map((bytes, at) => bytes.equals(whole[at] as Buffer))).toEqual(
          remaps.map(() => true),
        );
      }
    }
  });
});

describe('what somebody else has written since', () => {
  it('is not what disarms a slot, on a device with larger blocks than the one it was saved from too', async () => {
    const remaps = Array.from({ length: 100 }, (_, at) => [BigInt(at), 1280n + 8n * BigInt(at)] as const);
    const slot = drawSlot({ sequence: 7n, remaps });
    const device = new MemoryDevice(metadataRegionBytes);
    for (let copy = 0; copy < 4; copy++) device.bytes.set(slot, copy * slotBytes);
    const { preimage } = await saved(device, 'repair', operations.repair as Operation<unknown>);
    const found = regionOf(device).slice().fill(0, 0, 4096);
    expect(writtenSince(preimage, found, 4096).size).toBe(0);
    expect([...writtenSince(preimage, found, 512)]).toEqual([[0, 7]]);
  });

  it('is found to the sector, wherever it is', async () => {
    const device = drawnDevice('7 x - 6 7');
    const { preimage } = await saved(device, 'repair', operations.repair as Operation<unknown>);
    await repair(device, { now, apply: true });
    expect(writtenSince(preimage, regionOf(device), 512).size).toBe(0);
    for (const at of [512, slotBytes + 700, 3 * slotBytes + structureBytes + 99, 5 * slotBytes - 1]) {
      const copy = Math.floor(at / slotBytes);
      const found = regionOf(device).slice();
      found[at] = (found[at] as number) ^ 1;
      expect([...writtenSince(preimage, found, 512)]).toEqual([[copy, 1]]);
    }
  });

  it('is no write of the command: one sector of one write in the place of another is none', async () => {
    const device = drawnDevice('7 x - 6 7');
    const { plan, preimage } = await saved(device, 'repair', operations.repair as Operation<unknown>);
    const found = plan.after.slice();
    found.copyWithin(2 * slotBytes + 5 * 512, 2 * slotBytes, 2 * slotBytes + 512);
    expect([...writtenSince(preimage, found, 512)]).toEqual([[2, 1]]);
  });
});

describe('a plan', () => {
  const at = (seconds: bigint) => (drawnNow + seconds) as UnixSeconds;
  const plan = async (disk: string, operate: Operation<unknown>, seconds = 0n) => {
    const device = drawnDevice(disk);
    return rehearse(device, await readRegion(device, none), at(seconds), operate);
  };
  const rewrite = operations.repair as Operation<unknown>;

  it('has the same name where the bytes, the writes and the clock are the same, and no other', async () => {
    const { id } = await plan('7 x - 6 7', rewrite);
    expect((await plan('7 x - 6 7', rewrite)).id).toBe(id);
    const others = [
      await plan('7 x - 6 7', rewrite, 1n),
      await plan('7 x - 5 7', rewrite),
      await plan('7 x - 6 7', operations.handover as Operation<unknown>),
    ];
    expect(new Set([id, ...others.map((other) => other.id)]).size).toBe(4);
  });

  it('is all that passes: what is not in it is refused with everything untouched', async () => {
    const device = drawnDevice('7 x - 6 7');
    const before = device.bytes.slice();
    const { writes } = await plan('7 x - 6 7', rewrite);
    const planned = new PlannedDevice(device, writes);
    const adding = operations['remap add'] as Operation<unknown>;
    await expect(adding(planned, now)).rejects.toMatchObject({ code: 'ERR_PLAN_CHANGED', finds: 'old' });
    await expect(planned.write(0n, new Uint8Array(512))).rejects.toMatchObject({
      code: 'ERR_PLAN_CHANGED',
      outcome: 'untouched',
    });
    expectBytes(device.bytes, before);
    await repair(planned, { now, apply: true });
    expect((await examineDevice(device, { now: drawnNow })).copies.map(({ slot }) => slot.state)).toEqual(
      Array(5).fill('valid'),
    );
  });
});

describe('the order of putting back', () => {
  it('leaves alone what was not saved, and puts the rest back', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const target = drawnDevice('6 6 6 6 6').bytes.subarray(0, metadataRegionBytes);
    const job = { target, found: await readRegion(device, none), leave: [1, 4] };
    await putBack(device, job, drawnNow, none);
    expectBytes(regionOf(device), putBackResult(job));
    const report = await examineDevice(device, { now: drawnNow });
    expect(
      report.copies.map(({ slot }) => (slot.state === 'valid' ? slot.header.sequenceNumber : null)),
    ).toEqual([6n, 7n, 6n, 6n, 7n]);
  });

  it('writes nothing where nothing differs, and no more than the blocks that do', () => {
    const target = drawnDevice('7 7 7 7 7').bytes.subarray(0, metadataRegionBytes);
    const options = { blockBytes: 512, now: drawnNow, leave: [], unreadable: [] };
    expect(undoGroups(target.slice(), target, options)).toEqual([]);
    const found = target.slice();
    found[2 * slotBytes + 5 * 512] = 1;
    found[3 * slotBytes + structureBytes + 512] = 1;
    const steps = undoGroups(found, target, options).map((group) =>
      group.map(({ offset, bytes }) => [Number(offset), bytes.length]),
    );
    expect(steps).toContainEqual([[2 * slotBytes + 5 * 512, 512]]);
    expect(steps.flat().filter(([offset]) => Number(offset) === 2 * slotBytes)).toHaveLength(2);
    //  Behind the structure nothing can be elected by mistake: one write.
    expect(steps.flat().filter(([offset]) => Number(offset) >= 3 * slotBytes)).toHaveLength(1);
  });

  it('puts back what lies behind the last slot that fits too', async () => {
    const image = new Uint8Array(2 * slotBytes + 4096).fill(3, 2 * slotBytes);
    const device = new MemoryDevice(image.length);
    await putBack(
      device,
      { target: image, found: await readRegion(device, none), leave: [] },
      drawnNow,
      none,
    );
    expectBytes(device.bytes, image);
  });
});
