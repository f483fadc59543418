// Races between cancel and completion: writes, each aborted at a random moment or not at all. What was said of each is
// held against the medium. `npm run races` does a million.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../lib/base/errors.js';
import { byteOffset } from '../../lib/base/units.js';
import { strayEvents } from '../../lib/device/completions.js';
import { nativeUsage } from '../../lib/device/native.js';
import { openDevice } from '../../lib/device/native-device.js';
import { throttledLoop } from '../stuck/loop.js';
import { whyNo } from '../stuck/reasons.js';
import { random } from '../support/random.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const seed = 20_261_122;
const perWave = 100;
const waves = Math.ceil(Number(process.env.DMREMAP_RACES ?? 20_000) / perWave / 2);

/** Settled outcomes; `done` where nobody aborted or the abort came too late. */
type Tally = Record<Outcome | 'done', number>;

async function race(path: string, medium: () => Buffer): Promise<Tally> {
  await using device = await openDevice(path, { mode: 'write', window: 4 });
  const { int } = random(seed);
  const tally: Tally = { untouched: 0, written: 0, unknown: 0, done: 0 };
  let settlements = 0;
  let before = medium();
  for (let wave = 1; wave <= waves; wave++) {
    const value = wave & 0xff;
    const writes = Array.from({ length: perWave }, (_, index) => {
      const write = device.write(byteOffset(index * 4096), new Uint8Array(4096).fill(value));
      const final = write.then(
        (): Outcome => {
          settlements++;
          tally.done++;
          return 'written';
        },
        async (error): Promise<Outcome> => {
          settlements++;
          const { outcome } = error as { outcome: Outcome };
          tally[outcome]++;
          const drained: Outcome = await error.drained;
          // What was certain stays so.
          if (outcome !== 'unknown') expect(drained).toBe(outcome);
          return drained;
        },
      );
      return { write, final };
    });
    for (const { write } of writes) {
      // A turn of the loop, some microseconds, or nothing at all between two aborts.
      const wait = int(8);
      if (wait === 0) await new Promise(setImmediate);
      else if (wait < 4) for (let spin = int(2000); spin > 0; spin--) Math.imul(spin, spin);
      if (int(2) === 0) write.cancel();
    }
    const finals = await Promise.all(writes.map(({ final }) => final));
    const after = medium();
    finals.forEach((final, index) => {
      const range = [index * 4096, (index + 1) * 4096] as const;
      const expected = final === 'written' ? Buffer.alloc(4096, value) : before.subarray(...range);
      const same = Buffer.compare(after.subarray(...range), expected) === 0;
      if (final === 'unknown' || !same) expect.fail(`wave ${wave}, write ${index}: ${final}`);
    });
    before = after;
  }
  expect(settlements).toBe(waves * perWave);
  // A promise calls back once whatever happens: that the engine tells of each once is for its events to show.
  expect(strayEvents()).toBe(0);
  expect(tally.untouched).toBeGreaterThan(0);
  expect(tally.done).toBeGreaterThan(0);
  const share = ((100 * tally.unknown) / (waves * perWave)).toFixed(2);
  console.log(
    `${waves * perWave} races on ${device.info.kind}: ${JSON.stringify(tally)}, ${share} % unknown`,
  );
  return tally;
}

describe(`${2 * waves * perWave} random aborts (seed ${seed})`, () => {
  const timeout = 60_000 + 10 * waves * perWave;

  it('on a file: each settles once, and the medium is as it was said', { timeout }, async () => {
    const path = zeroFile(join(folder, 'image'), perWave * 4096);
    await race(path, () => readFileSync(path));
    expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
  });

  const no = whyNo('throttledLoop');
  it.skipIf(no !== undefined)(no ?? 'on a block device too', { timeout }, async () => {
    await using disk = await throttledLoop();
    await race(disk.path, () => disk.medium());
    expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
  });
});
