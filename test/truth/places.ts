// Where a write can be stuck: each of the fixtures that are needed, behind one face.
import { frozenFile } from '../stuck/frozen-file.js';
import { stuckLoop, throttledLoop } from '../stuck/loop.js';
import { type Fixture, whyNo } from '../stuck/reasons.js';
import { type Kind, type StuckFile, stuckFile } from '../stuck/stuck-file.js';
import { whenStuck } from '../stuck/threads.js';

export interface Place extends AsyncDisposable {
  readonly path: string;
  stall(): Promise<void>;
  /** Resolves when the operation of this process is where only the place can end it. */
  held(pid: number): Promise<unknown>;
  release(): Promise<void>;
}

/** Longer than any measurement takes: what thaws before it is over was not measured. */
const freezeMs = 10_000;

const held = (file: StuckFile, kind: Kind): Place => ({
  path: file.path,
  stall: () => file.stall(kind),
  held: () => file.held(1, kind),
  release: async () => {
    await file.pass();
    await file.release();
  },
  [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
});

const makers = {
  fuse: ['stuckFile', async () => held(await stuckFile(), 'write')],
  loop: ['stuckLoop', async () => held(await stuckLoop(), 'write')],
  fsync: ['stuckLoop', async () => held(await stuckLoop(), 'fsync')],
  /** Whoever waits for a write there goes with a signal. */
  interruptible: [
    'stuckFile',
    async () => {
      const file = await stuckFile({ synchronous: true });
      await file.interrupts('honour');
      return held(file, 'write');
    },
  ],
  /** The kernel tells of no throttled write: it is held from when it was handed over. */
  throttled: [
    'throttledLoop',
    async () => {
      const disk = await throttledLoop();
      return {
        path: disk.path,
        stall: () => disk.stall(),
        held: async () => {},
        release: () => disk.release(),
        [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
      };
    },
  ],
  frozen: [
    'frozenFile',
    async () => {
      const file = await frozenFile();
      return {
        path: file.path,
        stall: () => file.freeze(freezeMs),
        held: (pid: number) => whenStuck(1, pid),
        release: async () => {
          await file.thaw();
          const [by] = await file.thawed(1);
          if (by !== 'command') throw new Error(`it thawed by itself, after ${freezeMs} ms`);
        },
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
  ],
} as const satisfies Record<string, readonly [Fixture, () => Promise<Place>]>;

export type PlaceName = keyof typeof makers;

/** A state that cannot be made here: for the table, not a failure. */
export class NotHere extends Error {}

async function orNotHere<T>(made: Promise<T>): Promise<T> {
  try {
    return await made;
  } catch (error) {
    throw new NotHere((error as Error).message);
  }
}

export async function makePlace(name: PlaceName): Promise<Place> {
  const [fixture, make] = makers[name];
  const no = whyNo(fixture);
  if (no !== undefined) throw new NotHere(no);
  const place: Place = await orNotHere(make());
  return { ...place, stall: () => orNotHere(place.stall()) };
}
