// The fixtures behind one face, for tests that do the same to each: a device that hangs, tells when so many writes are
// where only it can end them, and lets go. And how a successor finds the device free again.
import { expect } from 'vitest';
import type { Device } from '../../lib/device/device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { stuckLoop, throttledLoop } from './loop.js';
import type { Fixture } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';

export interface Hanging extends AsyncDisposable {
  readonly path: string;
  /** Holds writes from now on. */
  stall(): Promise<void>;
  /** Resolves when so many are held. At once where the fixture cannot tell. */
  held(count: number): Promise<unknown>;
  /** How many are held now; undefined where the fixture cannot tell. */
  holds(): Promise<number | undefined>;
  release(): Promise<void>;
  /** The bytes on the medium, past the device. */
  medium(): Buffer;
  /** The process that serves it, where that is one. */
  readonly servedBy: number | undefined;
}

const overFuse = (file: StuckFile): Hanging => ({
  path: file.path,
  servedBy: file.pid,
  stall: () => file.stall('write'),
  held: (count) => file.held(count, 'write'),
  holds: async () => Number((await file.status()).held),
  release: async () => {
    await file.pass();
    await file.release();
  },
  medium: () => file.medium(),
  [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
});

async function throttled(): Promise<Hanging> {
  const disk = await throttledLoop();
  return {
    path: disk.path,
    servedBy: undefined,
    stall: () => disk.stall(),
    held: async () => undefined,
    holds: async () => undefined,
    release: () => disk.release(),
    medium: () => disk.medium(),
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}

export const hangingDevices: readonly (readonly [string, Fixture, () => Promise<Hanging>])[] = [
  ['a stuck loop device', 'stuckLoop', async () => overFuse(await stuckLoop())],
  ['a throttled loop device', 'throttledLoop', throttled],
  ['a stuck file on FUSE', 'stuckFile', async () => overFuse(await stuckFile())],
];

/** The kernel gives the hold back a moment after the completion. What stays busy ends in the test's own time limit. */
export async function openWhenFree(path: string): Promise<Device> {
  for (;;) {
    try {
      return await openDevice(path, { mode: 'write' });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    }
  }
}
