// The store on a spare that hangs: what an aborted commit says of each copy, and what the next commit does (format.md
// rule 8).
import { describe, expect, it } from 'vitest';
import { type EngineName, enginesToTry } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import type { CommitError } from '../../lib/store/commit/commit-report.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnNow, examineImage } from '../support/disk.js';
import { failure, now } from '../support/spare.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';

const sizeBytes = 2 * 1024 * 1024;

/** A spare of sequence 2 with one remap, whose next writes are held. */
async function stuckStore(disk: StuckFile, engine: EngineName): Promise<MetadataStore> {
  const device = await openDevice(disk.path, { mode: 'write', engine });
  const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
  store.table.add(1000);
  await store.commit();
  await disk.stall('write');
  return store;
}

const found = (disk: StuckFile) => {
  const { elections, shown } = examineImage(disk.medium(), { now: drawnNow });
  return { ...elections, originals: shown?.slot.entries.map(({ originalSector }) => originalSector) };
};

const copyOf = ({ offset }: { readonly offset: number }) => Math.floor(offset / slotBytes);

const outcomes = (error: Pick<CommitError, 'copies'>) => error.copies.map(({ outcome }) => outcome);

const engines = enginesToTry();
const spares = [
  ['a file on FUSE', 'stuckFile', () => stuckFile({ sizeBytes })],
  ['a loop device', 'stuckLoop', () => stuckLoop({ sizeBytes })],
] as const;

for (const [engine, title, fixture, make] of engines.flatMap((engine) =>
  spares.map((spare) => [engine, ...spare] as const),
)) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? `a commit by ${engine} on ${title} that hangs`, () => {
    it('is given up in its first phase: one copy is unknown, and a reader finds either', async () => {
      await using disk = await make();
      const store = await stuckStore(disk, engine);
      store.table.add(2000);
      const committing = store.commit();
      const first = copyOf((await disk.held(1, 'write'))[0] as never);
      committing.cancel('no');
      const error = await failure(committing);
      expect(error).toMatchObject({ code: 'ABORT_ERR', cause: 'no', finds: 'either', outcome: 'unknown' });
      expect(outcomes(error)).toEqual(
        [0, 1, 2, 3, 4].map((copy) => (copy === first ? 'unknown' : 'untouched')),
      );
      expect(found(disk)).toMatchObject({ agree: true, originals: [1000n] });

      // It lands after all; the copy is read back, and the next commit writes it again.
      await disk.pass();
      await disk.release();
      expect(await error.drained).toMatchObject({ finds: 'new' });
      expect(found(disk)).toMatchObject({ agree: true, originals: [1000n, 2000n] });
      expect(await store.commit()).toMatchObject({ sequence: 4n, degraded: [] });
      await store.close();
      await store.device.close();
    });

    it('is given up in its second phase: a reader finds the new table', async () => {
      await using disk = await make();
      const store = await stuckStore(disk, engine);
      store.table.add(2000);
      const committing = store.commit();
      await disk.held(1, 'write');
      await disk.release(1);
      const held = (await disk.held(2, 'write')).map(copyOf);
      committing.cancel();
      const error = await failure(committing);
      expect(error.finds).toBe('new');
      expect(outcomes(error).filter((outcome) => outcome === 'written').length).toBe(1);
      expect(held.map((copy) => outcomes(error)[copy])).toEqual(['unknown', 'unknown']);
      expect(found(disk)).toMatchObject({ agree: true, originals: [1000n, 2000n] });
      await disk.pass();
      await disk.release();
      expect(outcomes(await error.drained).filter((outcome) => outcome === 'written').length).toBe(3);
      expect(await store.commit()).toMatchObject({ degraded: [] });
      await store.close();
      await store.device.close();
    });

    it('ends by its deadline, and a store that closes meanwhile does not wait for the device', async () => {
      await using disk = await make();
      const store = await stuckStore(disk, engine);
      store.table.add(2000);
      expect(await failure(store.commit({ timeoutMs: 30 }))).toMatchObject({
        code: 'ERR_TIMEOUT',
        finds: 'either',
      });
      expect(await store.close()).toMatchObject({ leftInFlight: 1 });
      expect(await store.device.close({ graceMs: 10 })).toMatchObject({ leftInFlight: 1 });
      expect((await disk.status()).held).toBe('1');
      await disk.pass();
      await disk.release();
    });
  });
}

// On a file alone: on the loop device a durable write waits for what is held, since its flush does.
const no = whyNo('stuckFile');
describe.skipIf(no !== undefined).each(engines)(no ?? 'the next commit by %s', (engine) => {
  it('leaves the copy of a ghost out, and is durable on the others while that is held', async () => {
    await using disk = await stuckFile({ sizeBytes });
    const store = await stuckStore(disk, engine);
    store.table.add(2000);
    const committing = store.commit();
    const ghost = copyOf((await disk.held(1, 'write'))[0] as never);
    committing.cancel();
    const error = await failure(committing);
    await disk.pass();
    store.table.add(3000);
    const report = await store.commit();
    expect((await disk.status()).held).toBe('1');
    expect(report).toMatchObject({ finds: 'new', sequence: 4n, degraded: [ghost] });
    expect(report.copies[ghost]).toMatchObject({ outcome: 'untouched', reason: 'unsettled' });
    const newest = { agree: true, originals: [1000n, 2000n, 3000n] };
    expect(found(disk)).toMatchObject(newest);

    // It lands: an older sequence, which wins nothing.
    await disk.release();
    expect(await error.drained).toMatchObject({ finds: 'new' });
    expect(found(disk)).toMatchObject(newest);
    expect(await store.commit()).toMatchObject({ sequence: 5n, degraded: [] });
    expect(found(disk)).toMatchObject(newest);
    await store.close();
    await store.device.close();
  });

  it('is refused while too few other copies are left, unless it may wait', async () => {
    await using disk = await stuckFile({ sizeBytes: 2 * slotBytes });
    const device = await openDevice(disk.path, { mode: 'write', engine });
    const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
    await disk.stall('write');
    const committing = store.commit();
    await disk.held(1, 'write');
    committing.cancel();
    await failure(committing);
    await disk.pass();
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    const waiting = store.commit({ unsettled: 'wait' });
    expect((await disk.status()).held).toBe('1');
    await disk.release();
    expect(await waiting).toMatchObject({ finds: 'new', degraded: [] });
    await store.close();
    await store.device.close();
  });
});
