// Random histories of a target on two devices that fail, hang, tear and lose power, held against a simple model: no
// acknowledged write and no acknowledged remap is ever lost, no sector is read from a wrong place, everything settles, and
// nothing is left behind. A failing history is shrunk and shown, with what runs it again.
//
//   DMREMAP_HISTORIES=N    how many
//   DMREMAP_REPLAY=JSON    the one that a failure has named
//
// `npm run model` runs more of them, and `npm run model -- --mutants` shows that faults are noticed: model/mutants.ts.

import { describe, expect, it } from 'vitest';
import { DmremapError } from '../../lib/base/errors.js';
import { sector, unixNanoseconds } from '../../lib/base/units.js';
import { remapEntry } from '../../lib/format/metadata.js';
import { tiered } from '../support/tier.js';
import type { Config } from './model/config.js';
import { firstPlace } from './model/disks.js';
import { Expected } from './model/expected.js';
import { type Replay, runHistories } from './model/history.js';
import { judgeError } from './model/judge.js';
import * as operations from './model/operations.js';
import { bytesOf, valueIn } from './model/values.js';
import { World } from './model/world.js';

//  The same histories each time; `npm run model` takes others.
const {
  DMREMAP_HISTORIES: histories = tiered('2000', '300'),
  DMREMAP_SEED: seed = '1',
  DMREMAP_REPLAY: replay,
} = process.env;

it('keeps its promises through any history', { timeout: 3_600_000 }, async () => {
  const options = replay === undefined ? { seed: Number(seed) } : { replay: JSON.parse(replay) as Replay };
  const found = await runHistories(Number(histories), options);
  if (found !== undefined) throw new Error(found);
});

const calm: Config = {
  shape: 'sectors',
  onReadError: 'report',
  onWriteError: 'remap',
  bad: [],
  copies: 'fine',
  end: 'settled',
  seed: 1,
};

describe('the model', () => {
  const reads = (model: Expected, at: number, value: number) =>
    model.saw(model.view(at, 0, 1, false), 0, value);

  it('lets an acknowledged write and nothing from before it be read', () => {
    const model = new Expected(1, 1);
    model.begin(2, 0, 1, true);
    model.written(2, 0, 1, true);
    reads(model, 3, 2);
    expect(() => reads(model, 4, 1)).toThrow('sector 0 is read with write 1; it may hold write 2');
    model.powerCut();
    reads(model, 5, 2);
  });

  it('lets an unknown write be there or not, until it was seen', () => {
    const model = new Expected(1, 1);
    model.begin(2, 0, 1, true);
    reads(model, 3, 1);
    reads(model, 4, 2);
    expect(() => reads(model, 5, 1)).toThrow('is read with write 1');
    model.powerCut();
    expect(() => reads(model, 6, 1)).toThrow('is read with write 1');
  });

  it('lets a write that is not durable go with the power, unless it was flushed', () => {
    const model = new Expected(1, 1);
    model.begin(2, 0, 1, false);
    model.written(2, 0, 1, false);
    reads(model, 3, 2);
    const told = model.told();
    model.begin(4, 0, 1, false);
    model.written(4, 0, 1, false);
    model.flushed(told);
    model.powerCut();
    expect(() => reads(model, 5, 1)).toThrow('it may hold write 2 write 4');
    reads(model, 6, 2);
  });

  it('does not let an untouched write be seen, before or after it was told', () => {
    const model = new Expected(1, 1);
    model.begin(2, 0, 1, true);
    model.untouched(2, 0, 1);
    expect(() => reads(model, 3, 2)).toThrow('is read with write 2');
    model.begin(4, 0, 1, true);
    reads(model, 5, 4);
    expect(() => model.untouched(4, 0, 1)).toThrow('write 4 is untouched, and sector 0 was read with it');
  });

  it('does not let a read overtake a write that was called before it', () => {
    const model = new Expected(1, 1);
    const before = model.view(2, 0, 1, false);
    model.begin(3, 0, 1, true);
    const after = model.view(4, 0, 1, false);
    model.written(3, 0, 1, true);
    expect(() => model.saw(after, 0, 1)).toThrow('is read with write 1');
    expect(() => model.saw(before, 0, 3)).toThrow('is read with write 3');
    model.saw(before, 0, 1);
  });
});

it('lets a block whose entry is not durable find no other place, under any policy, and no other block', async () => {
  const world = await World.boot({
    ...calm,
    onReadError: 'remap-zero',
    onWriteError: 'report',
    copies: 'EIO',
  });
  try {
    const { disks } = world;
    disks.lay('main', 'read', { fault: 'error', errno: 'EIO' }, [0, 4], world.next());
    // Four of the six places, by entries that no copy takes.
    const reading = operations.read(world, 0, 4);
    await world.quiet();
    // It waits for its entries, and lets nobody else at the blocks.
    reading.aborted = true;
    reading.cancel?.();
    await world.quiet();
    disks.lay('spare', 'write', { fault: 'error', errno: 'EIO' }, [firstPlace, 3 * 8], world.next());
    // Three of them are bad now: two blocks find another, and the third does not.
    const write = operations.write(world, 0, 3, { durable: true, unsettled: 'reject' });
    await world.quiet();
    // The table becomes durable, and what is left to tell is that block.
    disks.heal('all', world.next());
    while (world.running.size > 0) {
      world.clock.pass(1000);
      await world.quiet();
    }
    const places = world.target?.entries().map(({ spareSector }) => (Number(spareSector) - firstPlace) / 8);
    expect(places?.sort()).toEqual([2, 3, 4, 5]);
    const exhausted = new DmremapError('ERR_SPARE_EXHAUSTED');
    judgeError(world, write, exhausted);
    expect(() => judgeError(world, { ...write, first: 4, count: 3 }, exhausted)).toThrow('without a reason');
  } finally {
    await world.dispose();
  }
});

it('lets a block get a place only from a call that may give it one', async () => {
  const world = await World.boot({ ...calm, onWriteError: 'report' });
  try {
    operations.remap(world, 0);
    await world.quiet();
    const look = (original: number, place: number) =>
      world.places.look(world, [
        remapEntry({
          originalSector: sector(original),
          spareSector: sector(firstPlace + place * 8),
          remapTimestampNs: unixNanoseconds(0),
        }),
      ]);
    expect(() => look(0, 1)).toThrow('through no call');
    operations.write(world, 0, 2, { durable: true, unsettled: 'reject' });
    expect(() => look(1, 0)).toThrow('where sector 0 was');
    expect(() => look(1, 1)).toThrow('through no call');
    look(0, 1);
  } finally {
    await world.dispose();
  }
});

it('keeps the old place of a block from others while the disk may point to it', async () => {
  const world = await World.boot(calm);
  try {
    const { disks } = world;
    operations.remap(world, 0);
    await world.quiet();
    // From now on the disk points to the first place, which fails once: the next who gets it would write over that data.
    const error = { fault: 'error', errno: 'EIO' } as const;
    disks.lay('spare', 'write', error, [0, firstPlace], world.next());
    disks.lay('spare', 'write', error, [firstPlace, 8], world.next(), true);
    const write = operations.write(world, 0, 1, { durable: true, unsettled: 'reject' });
    await world.quiet();
    write.aborted = true;
    write.cancel?.();
    operations.remap(world, 1);
    await world.quiet();
    const places = world.target?.entries().map(({ spareSector }) => (Number(spareSector) - firstPlace) / 8);
    expect(places).toEqual([1, 2]);
    operations.read(world, 0, 2);
    await world.quiet();
    await world.powerCut();
    expect(world.target?.entries().map(({ spareSector }) => Number(spareSector))).toEqual([firstPlace]);
    operations.read(world, 0, 2);
    await world.quiet();
  } finally {
    await world.dispose();
  }
});

it('counts the place that a pending block leaves for zeros as lost', async () => {
  const world = await World.boot({ ...calm, onReadError: 'remap-zero', bad: [0], copies: 'EIO' });
  try {
    const { disks } = world;
    const write = operations.write(world, 0, 1, { durable: true, unsettled: 'reject' });
    await world.quiet();
    write.aborted = true;
    write.cancel?.();
    // Read where it was before, it cannot be read, and its zeros go to another place.
    disks.lay('main', 'read', { fault: 'error', errno: 'EIO' }, [0, 1], world.next());
    operations.read(world, 0, 1);
    await world.quiet();
    expect(world.target?.entries().map(({ spareSector }) => Number(spareSector))).toEqual([firstPlace + 8]);
    expect([disks.spare.failedData, world.places.left]).toEqual([0, 1]);
    disks.heal('all', world.next());
    while (world.running.size > 0) {
      world.clock.pass(1000);
      await world.quiet();
    }
    // One more than there are places.
    for (const block of [1, 2, 3, 4, 5]) operations.remap(world, block);
    await world.quiet();
    expect(world.target?.entries().length).toBe(5);
  } finally {
    await world.dispose();
  }
});

it('a sector says whose it is, and where it belongs', () => {
  const bytes = bytesOf(7, 3, 2);
  expect([valueIn(bytes, 0, 3), valueIn(bytes, 1, 4)]).toEqual([7, 7]);
  expect(valueIn(bytes, 0, 4)).toBeUndefined();
  bytes[300] = 1;
  expect(valueIn(bytes, 0, 3)).toBeUndefined();
  expect(valueIn(new Uint8Array(512), 0, 9)).toBe(0);
});
