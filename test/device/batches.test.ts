// Writes that are called on one turn: when they are with the kernel, and who hears of them.
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import { strayEvents, Targets } from '../../lib/device/completions.js';
import { nativeUsage } from '../../lib/device/native.js';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const block = new Uint8Array(4096).fill(7);
const open = (name: string) =>
  openDevice(zeroFile(join(folder, name), 1024 * 1024), { mode: 'write', window: 64 });
const at = (index: number) => BigInt(index * 4096);

describe('writes of one turn', () => {
  it('go to the kernel at once where the device has nothing to do, then four together', async () => {
    await using device = await open('together');
    const writes: Promise<void>[] = [];
    const inFlight = Array.from({ length: 10 }, (_, index) => {
      writes.push(device.write(at(index), block));
      return nativeUsage().inFlight;
    });
    expect(inFlight).toEqual([1, 1, 1, 1, 5, 5, 5, 5, 9, 9]);
    await Promise.all(writes);
    expect(nativeUsage()).toMatchObject({ inFlight: 0, operations: 0, requests: 0, slabPages: 0 });
  });

  it.each([
    ['a promise', () => Promise.resolve()],
    ['a turn', () => new Promise((resolve) => setImmediate(resolve))],
    ['a timer', () => new Promise((resolve) => setTimeout(resolve, 1))],
  ])('land all of them, called after %s', async (_, pause) => {
    await using device = await open('after');
    for (let count = 1; count <= 7; count++) {
      await pause();
      await Promise.all(Array.from({ length: count }, (_, index) => device.write(at(index), block)));
    }
    expect(await device.read(0n, 7 * 4096)).toEqual(new Uint8Array(7 * 4096).fill(7));
  });

  it('are untouched where they are aborted before they went', async () => {
    await using device = await open('aborted');
    const first = device.write(at(0), block);
    const others = [1, 2, 3].map((index) => device.write(at(index), block));
    for (const other of others) other.cancel();
    const errors = await Promise.all(others.map((other) => other.catch((error: unknown) => error)));
    for (const error of errors) {
      expect(error).toBeInstanceOf(OperationError);
      expect(error).toMatchObject({ code: 'ABORT_ERR', outcome: 'untouched' });
    }
    await first;
    expect(await device.read(at(1), 3 * 4096)).toEqual(new Uint8Array(3 * 4096));
  });

  it('go before the device is closed, or not at all', async () => {
    const device = await open('closed');
    const writes = [0, 1, 2].map((index) => device.write(at(index), block));
    const settled = Promise.allSettled(writes);
    expect(await device.close()).toMatchObject({ leftInFlight: 0, released: true });
    for (const result of await settled) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ERR_DEVICE_CLOSED' });
    }
  });
});

describe('who waits for what', () => {
  const target = (heard: unknown[], last = true) => ({
    onEvent: (...event: unknown[]) => {
      heard.push(event);
      return last;
    },
  });

  test('each number is told once, and its place is used again under another number', () => {
    const targets = new Targets();
    const heard: unknown[] = [];
    const first = targets.add(target(heard));
    targets.tell(first, 1, 'one');
    const second = targets.add(target(heard));
    expect(second).not.toBe(first);
    const strays = strayEvents();
    targets.tell(first, 1, 'late');
    expect(strayEvents()).toBe(strays + 1);
    targets.tell(second, 1, 'two');
    expect(heard).toEqual([
      [1, 'one'],
      [1, 'two'],
    ]);
  });

  test('one that has more to come keeps its number', () => {
    const targets = new Targets();
    const heard: unknown[] = [];
    const id = targets.add(target(heard, false));
    targets.tell(id, 2, 'settled');
    targets.tell(id, 3, 'drained');
    expect(heard).toEqual([
      [2, 'settled'],
      [3, 'drained'],
    ]);
  });

  test('a number is never 0, nor that of another who waits, however often its place was used', () => {
    const targets = new Targets();
    const waiting = targets.add(target([]));
    for (let round = 0; round < 3000; round++) {
      const id = targets.add(target([]));
      expect(id === 0 || id === waiting || id !== id >>> 0).toBe(false);
      targets.remove(id);
    }
  });
});
