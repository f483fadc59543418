// What a commit does when it is aborted or when writes fail, and what it says (format.md rule 8).
import { describe, expect, it } from 'vitest';
import { cancellableAsync } from '../../lib/base/cancellable.js';
import { OperationError } from '../../lib/base/errors.js';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import type { CommitError } from '../../lib/store/commit/commit-report.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow } from '../support/disk.js';
import { drawnDevice, electedSequence, failure, issued, now, offsetOf, openStore } from '../support/spare.js';
import { SpyDevice } from '../support/spy-device.js';

describe('the phases on the device', () => {
  it.each([
    ['7 7 7 7 7', 'w1 | w2 w3 | w4 w0'],
    ['7 x 7 7 7', 'd1 | w1 | w2 w3 | w4 w0'],
    ['7 7 7y 7 7j', 'd2 | w2 | d4 | w4 w1 | w3 w0'],
    ['7y 7 . . .', 'd0 | w0 | w1'],
    ['x - x 7 7', 'w1 | d0 d2 | w0 w2 | w4 w3'],
    ['7 7 6 6 5', 'w2 | w3 w4 | w1 w0'],
    ['7 7 . . .', 'w1 | w0'],
    ['7 7 7 . .', 'w1 | w2 | w0'],
    ['7 7 7 7 .', 'w1 | w2 w3 | w0'],
  ])('of %s are %s', async (disk, expected) => {
    const spy = new SpyDevice(drawnDevice(disk));
    await (await openStore(spy)).commit();
    expect(issued(spy)).toBe(expected);
    // Of a copy that is known the header's block, of any other all.
    const known = (offset: bigint) => disk.split(' ')[Number(offset) / 131_072] === '7';
    for (const { offset, bytes } of spy.groups.flat().filter((step) => step.bytes.length !== 512)) {
      expect(bytes.length).toBe(known(offset) ? 4096 : 86_016);
    }
  });

  it.each([
    ['7 7t . . .', 0, 'w0 | w1', 'a twin that is elected outlives the copy that was named'],
    ['7t 7 7t . .', 1, 'w2 | w1 | w0', 'of several twins the elected one'],
    ['8+ 7 . . .', 1, 'w0 | w1', 'another table does not, elected or not'],
    ['8+ 7 . . .', 0, 'w1 | w0', 'whoever elects it'],
  ])('of %s with copy %i named are %s: %s', async (disk, copy, expected) => {
    const spy = new SpyDevice(drawnDevice(disk));
    await (await openStore(spy, copy)).commit();
    expect(issued(spy)).toBe(expected);
  });

  it('of a table that was named against the driver keep the named one to the last', async () => {
    const spy = new SpyDevice(drawnDevice('9+ 8 7 7 7'));
    await (await openStore(spy, 0)).commit();
    expect(issued(spy)).toBe('w2 | w3 w4 | w1 w0');
  });
});

describe('an abort', () => {
  it('before the call leaves the device as it was', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const before = device.bytes.slice();
    const store = await openStore(device);
    const signal = AbortSignal.abort('no');
    await expect(store.commit({ signal })).rejects.toMatchObject({
      code: 'ABORT_ERR',
      outcome: 'untouched',
      cause: 'no',
    });
    expectBytes(device.bytes, before);
  });

  it('while the first copy is in flight says either, and finally new', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    const committing = store.commit();
    committing.cancel();
    const error = await failure(committing);
    expect(error).toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      outcome: 'unknown',
      finds: 'either',
      sequence: 8n,
    });
    expect(error.copies.map(({ outcome }) => outcome)).toEqual([
      'untouched',
      'unknown',
      'untouched',
      'untouched',
      'untouched',
    ]);
    expect(await electedSequence(new MemoryDevice(device.bytes))).toBe(7n);
    device.resume();
    const final = await error.drained;
    expect(final.finds).toBe('new');
    expect(final.copies[1]).toMatchObject({ outcome: 'written', reason: undefined });
    expect(error.copies[1]?.reason).toBeUndefined();
    expect(await electedSequence(device)).toBe(8n);
  });

  it.each([false, true])(
    'at every group settles once, and a read back confirms it; stuck: %s',
    async (stuck) => {
      for (let groups = 0; groups < 4; groups++) {
        const device = drawnDevice('7 x 7 7 7');
        const store = await openStore(device);
        const controller = new AbortController();
        const committing = store.commit({ signal: controller.signal });
        let settlements = 0;
        const outcome = committing.then(
          () => 'done' as const,
          (error: CommitError) => error,
        );
        void outcome.then(() => {
          settlements++;
        });
        // The device in memory completes a group on each turn.
        for (let turn = 0; turn < groups; turn++) await new Promise(setImmediate);
        if (stuck) device.stall();
        controller.abort();
        const result = await outcome;
        if (result === 'done') throw new Error('the commit ended before the abort');
        expect(result.copies.some((copy) => copy.outcome === 'untouched')).toBe(groups < 3);
        device.resume();
        const final = await result.drained;
        const { copies, elections } = await examineDevice(device, { now: drawnNow });
        expect(elections.ours?.sequence).toBe(final.finds === 'new' ? 8n : 7n);
        expect(elections.driver?.sequence).toBe(elections.ours?.sequence);
        for (const { copy, outcome: said } of final.copies) {
          const slot = copies[copy]?.slot;
          const sequence = slot?.state === 'valid' ? slot.header.sequenceNumber : undefined;
          expect(sequence === 8n).toBe(said === 'written');
        }
        if (result.finds !== 'either') expect(result.finds).toBe(final.finds);
        if (result.finds === 'either') expect(stuck).toBe(true);
        expect(settlements).toBe(1);
      }
    },
  );

  it('after the commit changes nothing', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const committing = (await openStore(device)).commit();
    await committing;
    committing.cancel();
    await expect(committing).resolves.toMatchObject({ sequence: 8n });
  });

  it('of a stuck commit leaves its copy out of the next, which has a higher sequence', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    device.stall();
    const committing = store.commit();
    committing.cancel();
    const error = await failure(committing);
    expect(error.finds).toBe('either');
    const next = store.commit();
    device.resume();
    const report = await next;
    expect(report).toMatchObject({ sequence: 9n, finds: 'new', degraded: [1] });
    expect(report.copies[1]).toMatchObject({ outcome: 'untouched', reason: 'unsettled' });
    await error.drained;
    expect(await electedSequence(device)).toBe(9n);
    const healed = await store.commit();
    expect(healed).toMatchObject({ sequence: 10n, degraded: [] });
  });

  it('with too few other copies makes the next commit refuse, or wait if it is told to', async () => {
    const device = drawnDevice('7 7 . . .');
    const store = await openStore(device);
    device.stall();
    const committing = store.commit();
    committing.cancel();
    await failure(committing);
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    const waiting = store.commit({ unsettled: 'wait' });
    const given = store.commit({ unsettled: 'wait' });
    given.cancel('no');
    await expect(given).rejects.toMatchObject({ code: 'ABORT_ERR', cause: 'no' });
    device.resume();
    await expect(waiting).resolves.toMatchObject({ finds: 'new', degraded: [] });
    expect(await electedSequence(device)).toBe((await waiting).sequence);
  });

  it('by a closing device is told as such', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const store = await openStore(device);
    const failing = failure(store.commit());
    await device.close();
    expect(await failing).toMatchObject({ code: 'ERR_DEVICE_CLOSED' });
  });
});

describe('a write error', () => {
  it.each([0, 1, 2, 3, 4])('on copy %i alone leaves the others written, and says degraded', async (copy) => {
    const device = drawnDevice('7 7 7 7 7');
    const spy = new SpyDevice(device);
    spy.faults.push({ offset: offsetOf(copy), errno: 'EIO' });
    const store = await openStore(spy);
    const report = await store.commit();
    expect(report).toMatchObject({ sequence: 8n, finds: 'new', degraded: [copy] });
    expect(report.copies[copy]).toMatchObject({ outcome: 'unknown', reason: 'EIO' });
    expect(await electedSequence(device)).toBe(8n);
    spy.faults.length = 0;
    expect(await store.commit()).toMatchObject({ sequence: 9n, degraded: [] });
  });

  it('on all but the last good copy never touches that one', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const spy = new SpyDevice(device);
    for (const copy of [1, 2, 3, 4]) spy.faults.push({ offset: offsetOf(copy), errno: 'EIO' });
    const error = await failure((await openStore(spy)).commit());
    expect(error).toMatchObject({ code: 'ERR_COMMIT_PARTIAL', errno: 'EIO', finds: 'either' });
    expect(error.copies[0]).toMatchObject({ outcome: 'untouched' });
    expect(issued(spy)).not.toContain('w0');
    expect(await electedSequence(device)).toBe(7n);
  });

  it('on all but one of the others still makes the new table durable twice, and acknowledges it', async () => {
    const device = drawnDevice('7 7 7 7 7');
    const spy = new SpyDevice(device);
    for (const copy of [1, 2, 3]) spy.faults.push({ offset: offsetOf(copy), errno: 'EIO' });
    expect(await (await openStore(spy)).commit()).toMatchObject({ finds: 'new', degraded: [1, 2, 3] });
  });

  it('on the second of two copies is a partial commit, with the new table found', async () => {
    const device = drawnDevice('7 7 . . .');
    const spy = new SpyDevice(device);
    spy.faults.push({ offset: offsetOf(0), errno: 'ENOSPC' });
    const error = await failure((await openStore(spy)).commit());
    expect(error).toMatchObject({ code: 'ERR_COMMIT_PARTIAL', errno: 'ENOSPC', finds: 'new' });
  });

  it('while the metadata is created is told by the store', async () => {
    const spy = new SpyDevice(new MemoryDevice(4 * 1024 * 1024));
    spy.faults.push({ offset: offsetOf(2), errno: 'EIO' });
    const store = await MetadataStore.create(spy, { mainSectors: 1000n, now });
    expect(store.lastCommit).toMatchObject({ sequence: 1n, finds: 'new', degraded: [2] });
  });

  it('while a damaged slot is disarmed leaves that slot alone', async () => {
    const device = drawnDevice('7 x 7 7 7');
    const spy = new SpyDevice(device);
    spy.faults.push({ offset: offsetOf(1), errno: 'EIO' });
    const report = await (await openStore(spy)).commit();
    expect(report.degraded).toEqual([1]);
    expect(issued(spy)).toBe('d1 | w2 | w3 w4 | w0');
  });

  it('of a read refuses to open for writing; told to go on, it leaves that copy out', async () => {
    const inner = drawnDevice('7 7 7 7 7');
    const spy = new SpyDevice(inner);
    const read = spy.read;
    const failed = (): never => {
      const drained = Promise.resolve('untouched' as const);
      throw new OperationError('ERR_IO', 'no', { errno: 'EIO', outcome: 'untouched', drained });
    };
    spy.read = (offset, length, options) =>
      offset === offsetOf(3)
        ? cancellableAsync(options, async () => failed())
        : read(offset, length, options);
    await expect(openStore(spy)).rejects.toMatchObject({ code: 'ERR_IO', errno: 'EIO' });
    const store = await MetadataStore.open(spy, { now, mode: 'write', allowUnreadable: true });
    const report = await store.commit();
    await store.close();
    expect(report.degraded).toEqual([3]);
    expect(report.copies[3]).toMatchObject({ outcome: 'untouched', reason: 'unreadable' });
    expect(issued(spy)).toBe('w1 | w2 w4 | w0');
    await expect(MetadataStore.create(spy, { mainSectors: 1000n, now, force: true })).rejects.toMatchObject({
      code: 'ERR_IO',
    });
  });
});

it('a short write of the zeros that disarm a slot leaves that one out, and goes on with the others', async () => {
  const device = new LyingDevice(drawnDevice('7 7 x 7 7').bytes, { logicalBlockSize: 4096 });
  const store = await openStore(device);
  device.lay({ fault: 'short' }, { on: 'write', nth: 1 });
  expect(await store.commit()).toMatchObject({ finds: 'new', degraded: [2] });
  expect(await store.commit()).toMatchObject({ degraded: [] });
});

it.each([8192, 16_384])('logical blocks of %i are written whole', async (logicalBlockSize) => {
  const device = new MemoryDevice(drawnDevice('7 x - 6 7').bytes, { logicalBlockSize });
  const store = await openStore(device);
  expect(await store.commit()).toMatchObject({ finds: 'new', degraded: [] });
  store.table.add(5000);
  expect(await store.commit()).toMatchObject({ finds: 'new', degraded: [] });
  expect(await electedSequence(device)).toBe(9n);
});
