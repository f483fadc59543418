// A disk that is pulled while it is open: its size is 0 to the kernel from then on, writes are answered with ENOSPC and reads
// with nothing. It is gone, neither full nor bad; and what is full, or bad, is told as that.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OperationError } from '../../lib/base/errors.js';
import type { BatchError } from '../../lib/device/device.js';
import { enginesToTry } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { drawnNow, examineImage } from '../support/disk.js';
import { loopDevice, scratchFolder, zeroFile } from '../support/scratch.js';
import { failure, now } from '../support/spare.js';
import { type StuckLoop, stuckLoop } from './loop.js';
import { partitionOf } from './partition.js';
import { whyNo } from './reasons.js';

const folder = scratchFolder();
const block = new Uint8Array(4096);
const sizeBytes = 2 * 1024 * 1024;
const gone = { code: 'ERR_DEVICE_VANISHED' };

/** What an operation was rejected with. */
const rejection = <Rejected = OperationError>(running: Promise<unknown>) =>
  running.then(
    () => undefined,
    (error: Rejected) => error,
  );

const rejections = (...running: Promise<unknown>[]) => Promise.all(running.map((one) => rejection(one)));

const no = whyNo('stuckLoop');

describe.skipIf(no !== undefined).each(enginesToTry())(no ?? 'a device of %s that is pulled', (engine) => {
  const opened = (disk: StuckLoop) => openDevice(disk.path, { mode: 'write', engine });
  const both = async (disk: StuckLoop, other: StuckLoop) => {
    const [main, spare] = await Promise.all([opened(disk), opened(other)]);
    const close = async () => void (await Promise.all([main.close(), spare.close()]));
    return { main, spare, [Symbol.asyncDispose]: close };
  };

  it('is told as gone by writes, reads and batches, with the answer of the kernel, and closes', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    const device = await opened(disk);
    await device.write(0n, block);
    await disk.pull();
    const message =
      'the device is gone: a write of 4096 bytes at 8192 failed (ENOSPC), and its size is 0 bytes now';
    for (const durable of [true, false]) {
      const writing = device.write(8192n, block, { durable });
      expect(await rejection(writing)).toMatchObject({
        ...gone,
        errno: 'ENOSPC',
        outcome: 'unknown',
        message,
      });
    }
    expect(await rejection(device.read(0n, 4096))).toMatchObject({ ...gone, outcome: 'untouched' });
    const groups = [0n, 4096n].map((offset) => [{ offset: offset as never, bytes: block }]);
    const batch = await rejection<BatchError>(device.writeOrdered(groups));
    expect(batch).toMatchObject(gone);
    expect(batch?.writes.map(({ outcome }) => outcome)).toEqual(['unknown', 'untouched']);
    expect(await device.close()).toEqual({ leftInFlight: 0, released: true });
  });

  it('is told as gone by a flush that fails, and by what was in flight', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using device = await opened(disk);
    await disk.stall('write', 'read');
    const writing = rejection(device.write(0n, block));
    const reading = rejection(device.read(8192n, 4096));
    await disk.held(2);
    await disk.pull();
    await disk.releaseAs('EIO');
    expect(await writing).toMatchObject({ ...gone, errno: 'EIO' });
    expect(await reading).toMatchObject({ ...gone, errno: 'EIO', outcome: 'untouched' });
    await disk.fail('EIO', { kinds: ['fsync'] });
    expect(await rejection(device.flush())).toMatchObject({ ...gone, errno: 'EIO' });
  });

  it('is gone where it has become too small for the range, and there where it has not', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using device = await opened(disk);
    await disk.pull(8192);
    await device.write(4096n, block);
    expect(await device.read(4096n, 4096)).toHaveLength(4096);
    const beyond = [device.write(8192n, block), device.read(4096n, 8192), device.read(65_536n, 512)];
    expect(await rejections(...beyond)).toMatchObject(Array(3).fill(gone));
  });

  it('that answers ENOSPC, EIO or a part of a read, and has its size, is not gone', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using device = await opened(disk);
    await disk.fail('ENOSPC', { kinds: ['write'] });
    expect(await rejection(device.write(0n, block))).toMatchObject({ code: 'ERR_NO_SPACE', errno: 'ENOSPC' });
    await disk.fail('EIO', { kinds: ['write', 'read', 'fsync'] });
    const all = await rejections(device.write(0n, block), device.read(0n, 4096), device.flush());
    expect(all).toMatchObject(Array(3).fill({ code: 'ERR_IO', errno: 'EIO' }));
  });

  it('takes its partitions with it: they keep their size, and answer EIO', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using part = await partitionOf(disk, folder);
    await using device = await openDevice(part.path, { mode: 'write', engine });
    expect(device.info.sizeBytes).toBe(1024n * 1024n);
    await device.write(0n, block);
    await disk.fail('EIO', { kinds: ['write', 'read', 'fsync'] });
    const bad = [device.write(0n, block), device.read(0n, 4096), device.flush()];
    expect(await rejections(...bad)).toMatchObject(Array(3).fill({ code: 'ERR_IO', errno: 'EIO' }));
    await disk.pull();
    const all = [device.write(0n, block), device.read(0n, 4096), device.flush()];
    expect(await rejections(...all)).toMatchObject(Array(3).fill({ ...gone, errno: 'EIO' }));
    await disk.pull(sizeBytes); //  It is back.
    await disk.pass();
    await device.write(0n, block);
  });

  it('ends a commit at its first write, and a reading, and says so', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using device = await opened(disk);
    const store = await MetadataStore.create(device, { mainSectors: 10_000n, now });
    store.table.add(1000);
    await disk.pull();
    await disk.trace(true);
    const error = await failure(store.commit());
    expect(error).toMatchObject({ ...gone, errno: 'ENOSPC', finds: 'either' });
    const outcomes = error.copies.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'unknown')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'untouched')).toHaveLength(4);
    expect(await rejection(store.scrub())).toMatchObject(gone);
    expect(await rejection(examineDevice(device, { now: drawnNow }))).toMatchObject(gone);
    await store.close();
    const { shown } = examineImage(disk.medium(), { now: drawnNow });
    expect(shown?.slot.entries).toEqual([]);
  });

  it('as main of a target has nothing remapped and no bad sector counted', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using spare = await stuckLoop({ sizeBytes });
    await using devices = await both(disk, spare);
    await using target = await RemapTarget.create({ ...devices, onReadError: 'remap-on-write' });
    await disk.pull();
    await spare.trace(true);
    const large = new Uint8Array(64 * 1024);
    const all = [target.write(0, large), target.read(128, 128), target.remap(512), target.scan()];
    expect(await rejections(...all)).toMatchObject(Array(4).fill(gone));
    expect(target.entries()).toEqual([]);
    expect(await spare.done(0, 'write')).toEqual([]);
    const { counters, health } = target.status();
    expect(counters).toMatchObject({ readErrors: 0, writeErrors: 0 });
    expect(health).toMatchObject({ verdict: 'good', reasons: [], main: { totalErrors: 0 } });
  });

  it('as spare of a target gets no second place, and no second try of the table', async () => {
    await using disk = await stuckLoop({ sizeBytes });
    await using spare = await stuckLoop({ sizeBytes });
    await using devices = await both(disk, spare);
    // Who waits for all the tries waits for two minutes.
    await using target = await RemapTarget.create({ ...devices, sync: { attempts: 5, backoffMs: 30_000 } });
    await disk.fail('EIO', { kinds: ['write'] });
    await spare.stall('write');
    const first = rejection(target.write(8, new Uint8Array(512)));
    await spare.held(1, 'write');
    // Its place on the spare is written, and the table is what is held now.
    await spare.release();
    await spare.held(1, 'write');
    await spare.pull();
    await spare.releaseAs('EIO');
    expect(await first).toMatchObject({ code: 'ERR_TARGET_DEGRADED', outcome: 'unknown', cause: gone });
    expect(target.status().sync).toMatchObject({ degraded: true, failures: 1, lastError: gone });
    expect(await rejection(target.write(16, new Uint8Array(512)))).toMatchObject(gone);
    expect(target.entries()).toHaveLength(1);
    expect(await rejection(target.scrub())).toMatchObject(gone);
    expect(target.status().health.spare).toMatchObject({ totalErrors: 0 });
  });
});

describe.skipIf(no !== undefined).each(enginesToTry())('with %s', (engine) => {
  it('a file system that is full is told as full', async () => {
    const folder = scratchFolder();
    const image = zeroFile(join(folder, 'ext4.img'), 8 * 1024 * 1024);
    execFileSync('mkfs.ext4', ['-q', '-F', image]);
    const loop = loopDevice(image);
    const mounted = join(folder, 'mounted');
    mkdirSync(mounted);
    execFileSync('mount', [loop.path, mounted]);
    try {
      const full = join(mounted, 'full.img');
      // Nothing but holes, on a file system with room for a part of it.
      execFileSync('truncate', ['-s', '64M', full]);
      await using device = await openDevice(full, { mode: 'write', engine });
      let error: OperationError | undefined;
      for (let at = 0n; error === undefined && at < 64n; at++) {
        for (let step = 0n; error === undefined && step < 8n; step++) {
          error = await rejection(
            device.write(at * 1024n * 1024n + step * 131_072n, new Uint8Array(131_072)),
          );
        }
      }
      expect(error).toMatchObject({ code: 'ERR_NO_SPACE', errno: 'ENOSPC' });
    } finally {
      execFileSync('umount', [mounted]);
      loop.detach();
    }
  });
});
