// The fixtures behind one face, for tests that do the same to each: a device that hangs, tells when so many writes are
// where only it can end them, and lets go. And how a successor finds the device free again.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Device } from '../../lib/device/device.js';
import { type EngineName, guaranteesOf } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { frozenFile } from './frozen-file.js';
import { stuckLoop, throttledLoop } from './loop.js';
import type { Fixture } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';
import { whenStuck } from './threads.js';

export interface Hanging extends AsyncDisposable {
  readonly path: string;
  /** Holds writes from now on. */
  stall(): Promise<void>;
  /** Whether it tells when it holds a write. */
  readonly tells: boolean;
  /** Resolves when so many of the writes of a process are held. Where the fixture cannot tell: what that process can see. */
  held(count: number, by: Writer): Promise<unknown>;
  /** How many are held now; undefined where the fixture cannot tell. */
  holds(): Promise<number | undefined>;
  release(): Promise<void>;
  /** The bytes on the medium, past the device. */
  medium(): Buffer;
}

/** Whose writes they are. */
export interface Writer {
  readonly pid: number;
  readonly engine: EngineName;
}

const overFuse = (file: StuckFile): Hanging => ({
  path: file.path,
  tells: true,
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
    tells: false,
    stall: () => disk.stall(),
    // Threads can be seen waiting; what was handed over to io_uring is with the kernel.
    held: async (count, { engine, pid }) => (engine === 'threads' ? whenStuck(count, pid) : undefined),
    holds: async () => undefined,
    release: () => disk.release(),
    medium: () => disk.medium(),
    [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
  };
}

/** No row needs as long as this. The guardian thaws it whatever becomes of us. */
const freezeMs = 10_000;

async function frozen(): Promise<Hanging> {
  const file = await frozenFile();
  return {
    path: file.path,
    tells: true,
    stall: () => file.freeze(freezeMs),
    held: (count, { pid }) => file.held(count, pid),
    holds: async () => undefined,
    release: () => file.thaw(),
    medium: () => readFileSync(file.path),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

export interface HangingKind {
  readonly title: string;
  readonly fixture: Fixture;
  make(): Promise<Hanging>;
  /** How many writes of one device it can hold. */
  holdsAtOnce(engine: EngineName): number;
  /** Whether a process can leave with a write that is stuck here. */
  leaves(engine: EngineName): boolean;
  /** Whether what is stuck here when its process dies lands in the end. Where not, it may. */
  lands(engine: EngineName): boolean;
}

const inFlight = {
  holdsAtOnce: () => Number.POSITIVE_INFINITY,
  leaves: (engine: EngineName) => guaranteesOf(engine).leavesWhileStuck,
  lands: () => true,
};

export const hangingKinds: readonly HangingKind[] = [
  {
    title: 'a stuck loop device',
    fixture: 'stuckLoop',
    make: async () => overFuse(await stuckLoop()),
    ...inFlight,
  },
  {
    title: 'a throttled loop device',
    fixture: 'throttledLoop',
    make: throttled,
    ...inFlight,
    // A thread of ours submits there, and nothing tells that it has: what it has not when its process dies is not written.
    lands: (engine) => engine !== 'libaio',
  },
  {
    title: 'a stuck file on FUSE',
    fixture: 'stuckFile',
    make: async () => overFuse(await stuckFile()),
    ...inFlight,
  },
  {
    title: 'a file on a frozen file system',
    fixture: 'frozenFile',
    make: frozen,
    // There io_submit(2) itself blocks, and what is behind it has not been submitted.
    holdsAtOnce: (engine) => (engine === 'libaio' ? 1 : Number.POSITIVE_INFINITY),
    leaves: () => false,
    // An io_submit(2) that finds its process dying gives up (6.18).
    lands: (engine) => engine !== 'libaio',
  },
];

/** The kernel gives the hold back a moment after the completion. What stays busy ends in the test's own time limit. */
export async function openWhenFree(path: string, engine?: EngineName): Promise<Device> {
  for (;;) {
    try {
      return await openDevice(path, { mode: 'write', engine });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_DEVICE_BUSY' });
    }
  }
}
