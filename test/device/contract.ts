// What every device promises, one test per promise (io-contract.md rules 1 to 8). Run on each kind of device.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import { byteOffset } from '../../lib/base/units.js';
import { BatchError, type Device } from '../../lib/device/device.js';
import { expectBytes } from '../support/bytes.js';
import { tiered } from '../support/tier.js';

export interface Specimen {
  readonly device: Device;
  /** The bytes that are on it, by another way than through the device. */
  content(): Uint8Array;
  /** Opens the same again, once it was closed. */
  reopen(): Promise<Device>;
  dispose(): Promise<void>;
}

const bytesOf = (value: number, length = 4096) => new Uint8Array(length).fill(value);
/** How often a device is closed and opened again. */
const rounds = tiered(1000, 100);
const at = (n: number) => byteOffset(n);

async function failure(promise: Promise<unknown>): Promise<OperationError<unknown>> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperationError);
  return error as OperationError<unknown>;
}

export function deviceContract(name: string, make: () => Promise<Specimen>): void {
  describe(name, () => {
    let specimen: Specimen;
    let device: Device;
    beforeEach(async () => {
      specimen = await make();
      device = specimen.device;
    });
    afterEach(() => specimen.dispose());

    it('reads back what was written, and it is on the medium', async () => {
      await device.write(at(8192), bytesOf(7, 12_288));
      expectBytes(await device.read(8192n, 12_288), bytesOf(7, 12_288));
      expectBytes(specimen.content().subarray(8192, 20_480), bytesOf(7, 12_288));
      expectBytes(specimen.content().subarray(0, 8192), new Uint8Array(8192));
    });

    it('writes and reads from 512 bytes, or one logical block, to 128 KiB', async () => {
      const smallest = device.info.logicalBlockSize;
      await device.write(at(0), bytesOf(1, 131_072));
      await device.write(at(smallest), bytesOf(2, smallest));
      const read = await device.read(0n, 131_072);
      expect(read[smallest - 1]).toBe(1);
      expectBytes(read.subarray(smallest, 2 * smallest), bytesOf(2, smallest));
      expect(read[2 * smallest]).toBe(1);
    });

    it('copies the bytes at the call: what becomes of the array afterwards does not matter', async () => {
      const bytes = bytesOf(5);
      const writing = device.write(at(0), bytes);
      bytes.fill(6);
      await writing;
      expectBytes(await device.read(0n, 4096), bytesOf(5));
    });

    it('keeps the order of writes to one range, however many there are', async () => {
      const writes = Array.from({ length: 50 }, (_, value) => device.write(at(4096), bytesOf(value)));
      await Promise.all(writes);
      expectBytes(await device.read(4096n, 4096), bytesOf(49));
    });

    it('a read sees the writes that were called before it', async () => {
      const write = device.write(at(0), bytesOf(9, 65_536));
      const read = device.read(0n, 65_536);
      await write;
      expect(await read).toEqual(bytesOf(9, 65_536));
    });

    it('flush resolves, and what was written stays', async () => {
      await device.write(at(0), bytesOf(3), { durable: false });
      await device.flush();
      expectBytes(specimen.content().subarray(0, 4096), bytesOf(3));
    });

    it('an ordered batch writes every group', async () => {
      const groups = [[1], [2, 3], [4, 5]].map((group) =>
        group.map((value) => ({ offset: at(value * 8192), bytes: bytesOf(value) })),
      );
      await device.writeOrdered(groups);
      for (const value of [1, 2, 3, 4, 5]) {
        expectBytes(await device.read(BigInt(value * 8192), 4096), bytesOf(value));
      }
    });

    it('an abort before the start leaves the medium untouched', async () => {
      const error = await failure(device.write(at(0), bytesOf(1), { signal: AbortSignal.abort('no') }));
      expect(error).toMatchObject({
        name: 'AbortError',
        code: 'ABORT_ERR',
        outcome: 'untouched',
        cause: 'no',
      });
      expect(await error.drained).toBe('untouched');
      expectBytes(specimen.content(), new Uint8Array(specimen.content().length));
    });

    it('an abort while a write is under way settles, and the final outcome is what is on the medium', async () => {
      const writing = device.write(at(0), bytesOf(1, 131_072));
      writing.cancel('enough');
      const error = await failure(writing);
      expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' });
      const final = await error.drained;
      expect(['untouched', 'written']).toContain(final);
      const expected = final === 'written' ? bytesOf(1, 131_072) : new Uint8Array(131_072);
      expectBytes(specimen.content().subarray(0, 131_072), expected);
    });

    it('an abort after completion changes nothing', async () => {
      const controller = new AbortController();
      const writing = device.write(at(0), bytesOf(1), { signal: controller.signal });
      await writing;
      controller.abort();
      writing.cancel();
      await expect(writing).resolves.toBeUndefined();
      expectBytes(specimen.content().subarray(0, 4096), bytesOf(1));
    });

    it('an aborted batch says of each write what became of it, and the medium agrees', async () => {
      const groups = [1, 2, 3, 4].map((value) => [
        { offset: at(value * 131_072), bytes: bytesOf(value, 131_072) },
      ]);
      const writing = device.writeOrdered(groups);
      writing.cancel();
      const error = await failure(writing);
      expect(error).toBeInstanceOf(BatchError);
      const { writes } = error as BatchError;
      expect(writes.map(({ group }) => group)).toEqual([0, 1, 2, 3]);
      // The groups behind the first were never issued: the turn of the loop that could have done it did not come.
      expect(writes.slice(1).map(({ outcome }) => outcome)).toEqual(['untouched', 'untouched', 'untouched']);
      const final = await (error as BatchError).drained;
      final.forEach(({ offset, length, outcome }, index) => {
        const there = specimen.content().subarray(Number(offset), Number(offset) + length);
        expect(outcome).not.toBe('unknown');
        expectBytes(there, outcome === 'written' ? bytesOf(index + 1, length) : new Uint8Array(length));
      });
    });

    it('a deadline either passes, with a TimeoutError, or the operation is done', async () => {
      const reads = Array.from({ length: 200 }, () => device.read(0n, 131_072, { timeoutMs: 0 }));
      const settled = await Promise.allSettled(reads);
      const late = settled.filter((result) => result.status === 'rejected').map(({ reason }) => reason);
      for (const error of late) expect(error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT' });
    });

    it('AbortSignal.timeout is an AbortError with that reason', async () => {
      const controller = new AbortController();
      const reason = new DOMException('late', 'TimeoutError');
      const writing = device.write(at(0), bytesOf(1), { signal: controller.signal });
      controller.abort(reason);
      expect(await failure(writing)).toMatchObject({ name: 'AbortError', cause: reason });
    });

    it('one abort in a crowd touches no other operation', async () => {
      const writes = Array.from({ length: 100 }, (_, index) =>
        device.write(at(index * 4096), bytesOf(index + 1)),
      );
      writes.filter((_, index) => index % 3 === 0).forEach((write) => void write.cancel());
      const settled = await Promise.allSettled(writes);
      for (const [index, result] of settled.entries()) {
        if (index % 3 !== 0) expect(result.status).toBe('fulfilled');
        const there = specimen.content().subarray(index * 4096, (index + 1) * 4096);
        if (result.status === 'fulfilled') expectBytes(there, bytesOf(index + 1));
        else {
          const final = await result.reason.drained;
          expectBytes(there, final === 'written' ? bytesOf(index + 1) : new Uint8Array(4096));
        }
      }
    });

    it('bad arguments reject with a code, and never throw', async () => {
      const size = Number(device.info.sizeBytes);
      const block = device.info.logicalBlockSize;
      const rows: readonly (readonly [() => Promise<unknown>, string])[] = [
        [() => device.read(0 as never, 4096), 'ERR_INVALID_ARG_TYPE'],
        [() => device.read(0n, '4096' as never), 'ERR_INVALID_ARG_TYPE'],
        [() => device.read(0n, 0), 'ERR_OUT_OF_RANGE'],
        [() => device.read(0n, 131_072 + block), 'ERR_OUT_OF_RANGE'],
        [() => device.read(0n, Number.NaN), 'ERR_OUT_OF_RANGE'],
        [() => device.read(1n, 4096), 'ERR_UNALIGNED'],
        [() => device.read(0n, 4097), 'ERR_UNALIGNED'],
        [() => device.read(-4096n, 4096), 'ERR_OUT_OF_RANGE'],
        [() => device.read(BigInt(size), 4096), 'ERR_OUT_OF_RANGE'],
        [() => device.read(2n ** 64n, 4096), 'ERR_OUT_OF_RANGE'],
        [() => device.write(at(0), 'bytes' as never), 'ERR_INVALID_ARG_TYPE'],
        [() => device.write(at(0), new Uint16Array(4096) as never), 'ERR_INVALID_ARG_TYPE'],
        [() => device.write(at(0), bytesOf(1), null as never), 'ERR_INVALID_ARG_TYPE'],
        [() => device.write(at(0), bytesOf(1), { signal: {} as never }), 'ERR_INVALID_ARG_TYPE'],
        [() => device.write(at(0), bytesOf(1), { timeoutMs: -1 }), 'ERR_OUT_OF_RANGE'],
        [() => device.write(at(0), bytesOf(1), { timeoutMs: Number.NaN }), 'ERR_OUT_OF_RANGE'],
        [() => device.write(at(0), bytesOf(1), { durable: 1 as never }), 'ERR_INVALID_ARG_TYPE'],
        [() => device.write(at(0), bytesOf(1), { unsettled: 'maybe' as never }), 'ERR_INVALID_ARG_VALUE'],
        [() => device.writeOrdered([]), 'ERR_INVALID_ARG_TYPE'],
        [() => device.writeOrdered([[]]), 'ERR_INVALID_ARG_TYPE'],
        [() => device.writeOrdered('x' as never), 'ERR_INVALID_ARG_TYPE'],
        [() => device.writeOrdered([[null as never]]), 'ERR_INVALID_ARG_TYPE'],
        [() => device.close({ graceMs: -1 }), 'ERR_OUT_OF_RANGE'],
      ];
      for (const [call, code] of rows) await expect(call()).rejects.toMatchObject({ code });
      expectBytes(specimen.content(), new Uint8Array(size));
    });

    it('close settles what is pending, refuses what comes after, and a second close gives the first report', async () => {
      const writes = Array.from({ length: 20 }, (_, index) => device.write(at(index * 4096), bytesOf(1)));
      const closing = device.close();
      const late = await failure(device.write(at(0), bytesOf(2)));
      expect(late).toMatchObject({ code: 'ERR_DEVICE_CLOSED', outcome: 'untouched' });
      for (const result of await Promise.allSettled(writes)) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_DEVICE_CLOSED' });
      }
      const report = await closing;
      expect(report).toEqual({ leftInFlight: 0, released: true });
      expect(await device.close()).toBe(report);
    });

    it('what says that it is released can be opened again at once, a thousand times or a hundred', {
      timeout: 600_000,
    }, async () => {
      for (let round = 0; round < rounds; round++) {
        expect(await device.close()).toEqual({ leftInFlight: 0, released: true });
        device = await specimen.reopen();
        const value = bytesOf(round % 256);
        // The one ends on this thread, the other on a worker of the kernel's.
        if (round % 2 === 0) await device.write(at(0), value, { durable: false });
        else await device.flush();
      }
      await device.close();
      expectBytes(specimen.content().subarray(0, 4096), bytesOf((rounds - 2) % 256));
    });
  });
}
