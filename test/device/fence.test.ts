// What happens around a write that was given up and may still land (io-contract.md rules 3, 4, 6, 8), on a device that stalls
// on command. Nothing here waits for time to pass.
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import { byteOffset } from '../../lib/base/units.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { expectBytes } from '../support/bytes.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();

const block = (value: number) => new Uint8Array(4096).fill(value);
const at = (n: number) => byteOffset(n);

/** A device with a write of ones to its first block that was aborted and is still in flight. */
async function withGhost() {
  const device = new MemoryDevice(1024 * 1024);
  device.stall();
  const writing = device.write(at(0), block(1));
  writing.cancel();
  const error = await writing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OperationError)) throw new Error('the write was not aborted');
  return { device, ghost: error };
}

describe('a write that was given up', () => {
  it('settles as unknown without waiting for the device, and drains when it lands', async () => {
    const { device, ghost } = await withGhost();
    expect(ghost).toMatchObject({ code: 'ABORT_ERR', outcome: 'unknown' });
    let drained = false;
    ghost.whenDrained(() => {
      drained = true;
    });
    await new Promise(setImmediate);
    expect(drained).toBe(false);
    device.resume();
    expect(await ghost.drained).toBe('written');
    expectBytes(device.bytes.subarray(0, 4096), block(1));
  });

  it('by a deadline is a TimeoutError, while the device hangs', async () => {
    const device = new MemoryDevice(1024 * 1024);
    device.stall();
    const writing = device.write(at(0), block(1), { timeoutMs: 5 });
    const error = { name: 'TimeoutError', code: 'ERR_TIMEOUT', outcome: 'unknown' };
    await expect(writing).rejects.toMatchObject(error);
    device.resume();
  });

  it('refuses the next write to its range, and no other', async () => {
    const { device } = await withGhost();
    for (const offset of [0, 512, 3584]) {
      const writing = device.write(at(offset), new Uint8Array(512));
      await expect(writing).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED', outcome: 'untouched' });
    }
    const batch = device.writeOrdered([
      [{ offset: at(8192), bytes: block(2) }],
      [{ offset: at(0), bytes: block(2) }],
    ]);
    await expect(batch).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    const beside = device.write(at(4096), block(3));
    device.resume();
    await expect(beside).resolves.toBeUndefined();
    expectBytes(device.bytes.subarray(8192, 12_288), block(0));
  });

  it('lets the next write wait, with the bytes that it was called with', async () => {
    const { device } = await withGhost();
    const bytes = block(2);
    const waiting = device.write(at(0), bytes, { unsettled: 'wait' });
    bytes.fill(9);
    device.resume();
    await waiting;
    expectBytes(device.bytes.subarray(0, 4096), block(2));
  });

  it('a waiting write can be aborted, and is untouched then', async () => {
    const { device } = await withGhost();
    const waiting = device.write(at(0), block(2), { unsettled: 'wait' });
    waiting.cancel('no');
    await expect(waiting).rejects.toMatchObject({ code: 'ABORT_ERR', cause: 'no', outcome: 'untouched' });
    device.resume();
  });

  it('does not keep close from returning, which says what it has left', async () => {
    const { device } = await withGhost();
    const waiting = device.write(at(0), block(2), { unsettled: 'wait' });
    const closing = device.close({ graceMs: 0 });
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_DEVICE_CLOSED', outcome: 'untouched' });
    expect(await closing).toMatchObject({ leftInFlight: 1 });
    device.resume();
  });
});

describe('a read that was given up', () => {
  it('stands in the way of no write, and a write that waits does not spin', async () => {
    const path = zeroFile(join(folder, 'read'), 1024 * 1024);
    await using device = await openDevice(path, { mode: 'write' });
    for (let round = 0; round < 50; round++) {
      const reading = device.read(0n, 131_072);
      reading.cancel();
      const writes = [
        device.write(at(0), block(round)),
        device.write(at(4096), block(round), { unsettled: 'wait', timeoutMs: 30_000 }),
      ];
      await Promise.all([reading.catch(() => undefined), ...writes]);
      expectBytes(await device.read(0n, 8192), new Uint8Array(8192).fill(round));
    }
  });
});

describe('options', () => {
  it('are read at the call: what a caller does to them later changes nothing', async () => {
    const path = zeroFile(join(folder, 'options'), 1024 * 1024);
    await using device = await openDevice(path, { mode: 'write' });
    const options: { signal: AbortSignal } = { signal: new AbortController().signal };
    const writes = Array.from({ length: 20 }, () => device.write(at(0), block(1), options));
    options.signal = {} as never;
    await Promise.all(writes);
  });
});
