// Devices for the life-cycle tests, each with its trouble: none, writes that hang, or writes that return errors. And what every
// test of a removal asks at its end.
import { readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'vitest';
import { cancellableAsync } from '../../lib/base/cancellable.js';
import { DmremapError, OperationError } from '../../lib/base/errors.js';
import { strayEvents } from '../../lib/device/completions.js';
import type { WriteOptions, WriteStep } from '../../lib/device/device.js';
import { nativeUsage } from '../../lib/device/native.js';
import type { RemapTarget } from '../../lib/target/remap-target.js';
import { listTargets } from '../../lib/target/remap-target.js';
import { hangingKinds } from '../stuck/hanging.js';
import { stuckLoop, throttledLoop } from '../stuck/loop.js';
import type { Fixture } from '../stuck/reasons.js';
import { type StuckFile, stuckFile } from '../stuck/stuck-file.js';
import { SpyDevice } from '../support/spy-device.js';

export interface TroubledDevice extends AsyncDisposable {
  readonly path: string;
  /** What becomes of writes between `begin()` and `end()`. */
  readonly trouble: 'none' | 'stuck' | 'errors';
  begin(): Promise<void>;
  /** Resolves when so many are held; at once where none is, or the fixture cannot tell. */
  held(count: number): Promise<unknown>;
  /** How many are held now; undefined where the fixture cannot tell. */
  holds(): Promise<number | undefined>;
  end(): Promise<void>;
}

const nothing = async () => undefined;

async function healthy(): Promise<TroubledDevice> {
  const disk = await throttledLoop();
  const { path } = disk;
  const dispose = () => disk[Symbol.asyncDispose]();
  return {
    path,
    trouble: 'none',
    begin: nothing,
    held: nothing,
    holds: nothing,
    end: nothing,
    [Symbol.asyncDispose]: dispose,
  };
}

async function failing(disk: StuckFile): Promise<TroubledDevice> {
  return {
    path: disk.path,
    trouble: 'errors',
    begin: () => disk.fail('EIO', { kinds: ['write'] }),
    held: nothing,
    holds: nothing,
    end: () => disk.pass(),
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}

/** Name, what it needs, how it is made. */
export const troubledDevices: readonly (readonly [string, Fixture, () => Promise<TroubledDevice>])[] = [
  ['a healthy loop device', 'throttledLoop', healthy],
  // On a frozen file system a process could not go on: not even by reading.
  ...hangingKinds
    .filter(({ fixture }) => fixture !== 'frozenFile')
    .map(({ title, fixture, make }) => {
      const stuck = async (): Promise<TroubledDevice> => {
        const disk = await make();
        const by = { pid: process.pid, engine: 'io_uring' } as const;
        return {
          path: disk.path,
          trouble: 'stuck',
          begin: () => disk.stall(),
          held: async (count) => (disk.tells ? disk.held(count, by) : undefined),
          holds: () => disk.holds(),
          end: () => disk.release(),
          [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
        };
      };
      return [title, fixture, stuck] as const;
    }),
  ['a file that returns errors', 'stuckFile', async () => failing(await stuckFile())],
  ['a loop device that returns errors', 'stuckLoop', async () => failing(await stuckLoop())],
];

/** A device whose next ordered write, which a commit is, waits for something of ours first. */
export class GatedDevice extends SpyDevice {
  gate: (() => Promise<unknown>) | undefined;

  override writeOrdered(groups: readonly (readonly WriteStep[])[], options?: WriteOptions) {
    const { gate } = this;
    if (gate === undefined) return super.writeOrdered(groups, options);
    this.gate = undefined;
    return cancellableAsync(options, async (signal) => {
      await gate();
      await super.writeOrdered(groups, { ...options, signal });
    });
  }
}

/** Sectors of one value each. */
export const sectors = (count: number, value: number): Buffer => Buffer.alloc(count * 512, value);

export async function rejected(promise: Promise<unknown>): Promise<OperationError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperationError);
  return error as OperationError;
}

/** Opens or creates a target as soon as its devices are free. What stays busy ends in the test's own time limit. */
export async function whenFree(open: () => Promise<RemapTarget>): Promise<RemapTarget> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof DmremapError && error.code === 'ERR_DEVICE_BUSY')) throw error;
    }
  }
}

/** Nothing of any target is left in this process: no operation, page or event, and no descriptor of these paths. */
export async function expectNothingLeft(...paths: readonly string[]): Promise<void> {
  expect(listTargets()).toEqual([]);
  // The last completion comes by the loop. What stays ends in the test's own time limit.
  while (nativeUsage().operations > 0 || descriptorsOf(paths).length > 0) await nextTurn();
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
  expect(strayEvents()).toBe(0);
}

function descriptorsOf(paths: readonly string[]): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((number) => {
    try {
      const link = readlinkSync(`/proc/self/fd/${number}`);
      return paths.includes(link) ? [link] : [];
    } catch {
      return []; // The one of this listing.
    }
  });
}
