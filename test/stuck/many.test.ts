// One, 32 and 1,000 operations on a device that hangs (io-contract.md rules 3 to 8). Nothing here is timed: what must not wait for
// the device is shown to have happened while the device still holds what it held.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import type { Device } from '../../lib/device/device.js';
import { enginesToTry } from '../../lib/device/engines.js';
import { nativeUsage } from '../../lib/device/native.js';
import { openDevice } from '../../lib/device/native-device.js';
import { share } from '../support/tier.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';

const sizeBytes = 8 * 1024 * 1024;
const block = (value: number) => Buffer.alloc(4096, value);
const offsetOf = (index: number) => BigInt(index * 4096);

interface Row {
  readonly operations: number;
  readonly window: number;
  /** How many of them reach the device. */
  readonly held: number;
}

const rows: readonly Row[] = [
  { operations: 1, window: 8, held: 1 },
  { operations: 32, window: 8, held: 8 },
  { operations: 32, window: 64, held: 32 },
  { operations: 1000, window: 8, held: 8 },
  { operations: 1000, window: 64, held: 64 },
];

/** So many writes of `value`, one block each, of which the device holds as many as the window lets through. */
async function hang(disk: StuckFile, device: Device, { operations, held }: Row, value: number) {
  await disk.stall('write');
  const writes = Array.from({ length: operations }, (_, index) =>
    device.write(offsetOf(index), block(value)),
  );
  await disk.held(held, 'write');
  return writes;
}

const isHeld = async (disk: StuckFile, count: number) => expect((await disk.status()).held).toBe(`${count}`);

async function errorsOf(writes: readonly Promise<void>[]): Promise<OperationError[]> {
  const settled = await Promise.all(writes.map((write) => write.catch((error: unknown) => error)));
  return settled.map((error) => {
    if (!(error instanceof OperationError)) throw new Error('a write was not rejected');
    return error;
  });
}

const count = (errors: readonly OperationError[], outcome: string) =>
  errors.filter((error) => error.outcome === outcome).length;

const devices = [
  ['a file on FUSE', 'stuckFile', () => stuckFile({ sizeBytes })],
  ['a loop device', 'stuckLoop', () => stuckLoop({ sizeBytes })],
] as const;

const onEach = share(
  enginesToTry().flatMap((engine) => devices.map((row) => [engine, ...row] as const)),
  3,
);

for (const [engine, title, fixture, make] of onEach) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? `${engine} on ${title}`, () => {
    it.each(rows)('$operations writes, $held of them held: aborts settle without the device', async (row) => {
      await using disk = await make();
      await using device = await openDevice(disk.path, { mode: 'write', engine, window: row.window });
      const writes = await hang(disk, device, row, 1);
      for (const write of writes) write.cancel('enough');
      const errors = await errorsOf(writes);
      await isHeld(disk, row.held);
      for (const error of errors) expect(error).toMatchObject({ code: 'ABORT_ERR', cause: 'enough' });
      // What was in our own queue is proven untouched; what the device has may land.
      expect(count(errors, 'unknown')).toBe(row.held);
      expect(count(errors, 'untouched')).toBe(row.operations - row.held);

      await disk.pass();
      await disk.release();
      const finals = await Promise.all(errors.map(({ drained }) => drained));
      expect(finals.filter((final) => final === 'written').length).toBe(row.held);
      const medium = disk.medium();
      finals.forEach((final, index) => {
        const there = medium.subarray(index * 4096, (index + 1) * 4096);
        expect(there.equals(block(final === 'written' ? 1 : 0)), `block ${index}: ${final}`).toBe(true);
      });
      expect(nativeUsage()).toMatchObject({ operations: 0, inFlight: 0 });
    });

    it.each(rows)(
      '$operations writes, $held of them held: deadlines do too, counted from the call',
      async (row) => {
        await using disk = await make();
        await using device = await openDevice(disk.path, { mode: 'write', engine, window: row.window });
        await disk.stall('write');
        const writes = Array.from({ length: row.operations }, (_, index) =>
          device.write(offsetOf(index), block(1), { timeoutMs: 800 }),
        );
        const settled = errorsOf(writes);
        await disk.held(row.held, 'write');
        const errors = await settled;
        await isHeld(disk, row.held);
        for (const error of errors)
          expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
        expect(count(errors, 'unknown')).toBe(row.held);
        expect(count(errors, 'untouched')).toBe(row.operations - row.held);
        await disk.pass();
        await disk.release();
        await Promise.all(errors.map(({ drained }) => drained));
      },
    );

    it.each(rows)(
      '$operations writes, $held of them held: close returns and says what it has left',
      async (row) => {
        await using disk = await make();
        const device = await openDevice(disk.path, { mode: 'write', engine, window: row.window });
        const writes = await hang(disk, device, row, 1);
        const errors = errorsOf(writes);
        expect(await device.close({ graceMs: 20 })).toMatchObject({ leftInFlight: row.held });
        await isHeld(disk, row.held);
        for (const error of await errors) expect(error).toMatchObject({ code: 'ERR_DEVICE_CLOSED' });
        await expect(openDevice(disk.path, { mode: 'write' })).rejects.toMatchObject({
          code: 'ERR_DEVICE_BUSY',
        });
        await disk.pass();
        await disk.release();
        await Promise.all((await errors).map(({ drained }) => drained));
      },
    );

    it('the event loop turns, timers fire and another device works while 1,000 writes hang', async () => {
      await using disk = await make();
      await using other = await make();
      await using device = await openDevice(disk.path, { mode: 'write', engine, window: 64 });
      await using free = await openDevice(other.path, { mode: 'write', engine });
      const row = { operations: 1000, window: 64, held: 64 };
      const writes = await hang(disk, device, row, 1);
      for (let turn = 0; turn < 200; turn++) await nextTurn();
      await new Promise((resolve) => setTimeout(resolve, 1));
      for (let index = 0; index < 50; index++) await free.write(offsetOf(index), block(7));
      await isHeld(disk, row.held);
      expect(
        other
          .medium()
          .subarray(0, 50 * 4096)
          .equals(Buffer.alloc(50 * 4096, 7)),
      ).toBe(true);
      await disk.pass();
      await disk.release();
      await Promise.all(writes);
    });

    it('an abort touches no other operation', async () => {
      await using disk = await make();
      await using device = await openDevice(disk.path, { mode: 'write', engine, window: 32 });
      const writes = await hang(disk, device, { operations: 100, window: 32, held: 32 }, 1);
      const aborted = writes.filter((_, index) => index % 3 === 0);
      for (const write of aborted) write.cancel();
      const errors = await errorsOf(aborted);
      await isHeld(disk, 32);
      await disk.pass();
      await disk.release();
      await Promise.all(writes.filter((_, index) => index % 3 !== 0));
      await Promise.all(errors.map(({ drained }) => drained));
      const medium = disk.medium();
      writes.forEach((_, index) => {
        const landed = index % 3 !== 0 || index < 32;
        const there = medium.subarray(index * 4096, (index + 1) * 4096);
        expect(there.equals(block(landed ? 1 : 0)), `block ${index}`).toBe(true);
      });
    });

    it('a write to the range of a ghost is refused until the ghost has landed, or waits for it', async () => {
      await using disk = await make();
      await using device = await openDevice(disk.path, { mode: 'write', engine });
      const [ghost] = await hang(disk, device, { operations: 1, window: 8, held: 1 }, 1);
      ghost?.cancel();
      const [error] = await errorsOf(ghost === undefined ? [] : [ghost]);
      await disk.pass();
      const refused = device.write(0n, block(2));
      await expect(refused).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED', outcome: 'untouched' });
      expect(device.isUnsettled(0n, 4096)).toBe(true);
      const waiting = device.write(0n, block(3), { unsettled: 'wait' });
      // Not durable: a flush waits for what is held, on the loop device.
      await device.write(4096n, block(4), { durable: false });
      await isHeld(disk, 1);
      await disk.release();
      expect(await error?.drained).toBe('written');
      await waiting;
      expect(device.isUnsettled(0n, 4096)).toBe(false);
      expect(
        disk
          .medium()
          .subarray(0, 8192)
          .equals(Buffer.concat([block(3), block(4)])),
      ).toBe(true);
    });
  });
}

const noFile = whyNo('stuckFile');
describe.skipIf(noFile !== undefined)(noFile ?? 'threads, all of them stuck', () => {
  it('a write that is to be tried again is not told as untouched when it is aborted first', async () => {
    const megabyte = 1024 * 1024;
    await using disk = await stuckFile({ beside: { first: megabyte, second: megabyte, last: megabyte } });
    const open = (name: string, window: number) =>
      openDevice(disk.pathOf(name), { mode: 'write', engine: 'threads', window });
    await using device = await open('disk', 2);
    await using first = await open('first', 64);
    await using second = await open('second', 62);
    await using last = await open('last', 2);
    await disk.stall('write');
    const fill = (on: Device, count: number) =>
      Array.from({ length: count }, (_, index) => on.write(offsetOf(index), block(1)));

    const tried = fill(device, 2);
    const [oldest] = await disk.held(2);
    // 128 threads, and one for a device that has nothing in the kernel.
    const others = [...fill(first, 64), ...fill(second, 62), ...fill(last, 2)];
    await disk.held(129);
    // Its thread is free, and there are no more for a device that has one.
    await disk.releaseAs('EAGAIN', 1);
    while (nativeUsage().inFlight > 128) await nextTurn();
    if (oldest?.offset !== 0) tried.reverse();
    const [write, ...rest] = tried;
    write?.cancel();
    const end = await write?.catch((error: unknown) => error);

    await disk.pass();
    await disk.release();
    await Promise.all([...rest, ...others]);
    expect(end).toMatchObject({ code: 'ABORT_ERR', outcome: 'unknown' });
  });
});
