// However an environment ends, nothing hangs, crashes or keeps the lock (io-contract.md rule 8). Real processes and workers.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Device } from '../../lib/device/device.js';
import { nativeUsage } from '../../lib/device/native.js';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const library = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
const writer = join(import.meta.dirname, '../fixtures/writer.mjs');
const file = (name: string) => zeroFile(join(folder, name), 1024 * 1024);

/** Opens for writing as soon as the lock is free. A lock that stays ends in the test's own time limit. */
async function openWhenFree(path: string): Promise<Device> {
  for (;;) {
    try {
      return await openDevice(path, { mode: 'write' });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    }
  }
}

/** Address space that a fork does not share, which our segments are, and some of V8's. */
function segmentBytes(): number {
  const areas = readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return areas
    .filter((area) => /^VmFlags:.* dc\b/m.test(area))
    .reduce((sum, area) => sum + 1024 * Number(/^Size:\s+(\d+)/m.exec(area)?.[1]), 0);
}

describe('a worker', () => {
  it('can be terminated with writes under way, again and again, and the process lives on', async () => {
    const path = file('worker');
    for (let round = 0; round < 25; round++) {
      const worker = new Worker(writer, { workerData: { library, path } });
      await once(worker, 'message');
      expect(await worker.terminate()).toBe(1);
      await (await openWhenFree(path)).close();
    }
  });

  it('gives back the memory of writes that have landed and that nobody has heard of yet', async () => {
    const path = file('unheard');
    const source = `
      const { workerData, parentPort } = require('node:worker_threads');
      import(workerData.library).then(async ({ openDevice }) => {
        const device = await openDevice(workerData.path, { mode: 'write' });
        const bytes = new Uint8Array(131072).fill(workerData.value);
        // Not durable: what is seen in the file would not have landed yet, as its flush is still under way.
        const options = { durable: false };
        // As many as go to the kernel without a turn of the loop: the first, and four together.
        for (let at = 0; at < 5; at++) device.write(BigInt(at * 131072), bytes, options).catch(() => {});
        parentPort.postMessage('under way');
        // The loop does not turn any more: what lands is not reaped.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });`;
    const round = async (value: number) => {
      const worker = new Worker(source, { eval: true, workerData: { library, path, value } });
      await once(worker, 'message');
      const written = Buffer.alloc(5 * 131_072, value);
      while (!readFileSync(path).subarray(0, written.length).equals(written)) await new Promise(setImmediate);
      await worker.terminate();
      await (await openWhenFree(path)).close();
    };
    for (let warmUp = 1; warmUp < 4; warmUp++) await round(warmUp);
    const before = segmentBytes();
    for (let rounds = 10; rounds < 30; rounds++) await round(rounds);
    // A segment each would be twenty MiB.
    expect(segmentBytes() - before).toBeLessThan(10 * 1024 * 1024);
  });

  it('does not disturb the writes of another environment', async () => {
    const path = file('mine');
    await using device = await openDevice(path, { mode: 'write' });
    for (let round = 0; round < 5; round++) {
      const worker = new Worker(writer, { workerData: { library, path: file(`theirs-${round}`) } });
      await once(worker, 'message');
      const writes = Array.from({ length: 64 }, (_, index) =>
        device.write(BigInt(index * 4096) as never, new Uint8Array(4096).fill(round)),
      );
      await Promise.all([worker.terminate(), ...writes]);
    }
  });
});

describe('a process', () => {
  const ends = [
    ['close', 0, ''],
    ['forget', 0, ''],
    ['abandon', 0, ''],
    ['exit', 3, ''],
    ['throw', 1, 'on purpose'],
  ] as const;
  it.each(ends)('that ends by `%s` ends with status %i', async (end, expected, says) => {
    const path = file(end);
    const { status, signal, stderr } = spawnSync(process.execPath, [writer, library, path, end], {
      encoding: 'utf8',
    });
    expect({ status, signal }).toEqual({ status: expected, signal: null });
    expect(stderr).toContain(says);
    if (says === '') expect(stderr).toBe('');
    await (await openWhenFree(path)).close();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'ends at once by %s, and the lock is free again',
    async (signal) => {
      const path = file(signal);
      const child = spawn(process.execPath, [writer, library, path, 'killed'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await expect(openDevice(path, { mode: 'write' })).rejects.toMatchObject({
        code: 'ERR_DEVICE_BUSY',
        message: expect.stringContaining('another process holds its lock'),
      });
      const exit = once(child, 'exit');
      child.kill(signal);
      expect(await exit).toEqual([null, signal]);
      await (await openWhenFree(path)).close();
    },
  );
});

it('nothing is held in the native part when everything has settled', async () => {
  const device = await openDevice(file('usage'), { mode: 'write' });
  const writes = Array.from({ length: 500 }, (_, index) =>
    device.write(BigInt((index % 16) * 65_536) as never, new Uint8Array(65_536)),
  );
  for (const [index, write] of writes.entries()) if (index % 2 === 0) write.cancel();
  expect(nativeUsage().operations).toBeGreaterThan(0);
  const settled = await Promise.allSettled(writes);
  for (const result of settled) if (result.status === 'rejected') await result.reason.drained;
  await device.close();
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
});

it('a queue without room refuses, with nothing started', async () => {
  const device = await openDevice(file('full'), { mode: 'write' });
  const writes = Array.from({ length: 3000 }, () => device.write(0n as never, new Uint8Array(131_072)));
  const settled = await Promise.allSettled(writes);
  const refused = settled.filter((result) => result.status === 'rejected').map(({ reason }) => reason);
  expect(refused.length).toBeGreaterThan(0);
  for (const error of refused) expect(error).toMatchObject({ code: 'ERR_QUEUE_FULL', outcome: 'untouched' });
  expect(settled.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(1000);
  await device.close();
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
});
