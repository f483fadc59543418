// Ten thousand writes, each aborted at a random moment or not at all. What was said of each is held against the medium.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Outcome } from '../../lib/base/errors.js';
import { byteOffset } from '../../lib/base/units.js';
import { openDevice } from '../../lib/device/io-uring-device.js';
import { nativeUsage } from '../../lib/device/native.js';
import { random } from '../support/random.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const seed = 20_261_122;
const waves = 100;
const perWave = 100;

it(`${waves * perWave} random aborts (seed ${seed}): each settles once, and the medium is as it was said`, async () => {
  const path = zeroFile(join(folder, 'image'), perWave * 4096);
  await using device = await openDevice(path, { mode: 'write', window: 4 });
  const { int } = random(seed);
  const tally: Record<Outcome | 'done', number> = { untouched: 0, written: 0, unknown: 0, done: 0 };
  let settlements = 0;
  for (let wave = 1; wave <= waves; wave++) {
    const before = readFileSync(path);
    const value = wave & 0xff;
    const writes = Array.from({ length: perWave }, (_, index) => {
      const write = device.write(byteOffset(index * 4096), new Uint8Array(4096).fill(value));
      const final = write.then(
        () => 'written' as const,
        async (error): Promise<Outcome> => {
          tally[error.outcome as Outcome]++;
          const drained: Outcome = await error.drained;
          // What was certain stays so.
          if (error.outcome !== 'unknown') expect(drained).toBe(error.outcome);
          return drained;
        },
      );
      void write.then(
        () => settlements++,
        () => settlements++,
      );
      return { write, final };
    });
    for (const { write } of writes) {
      if (int(4) === 0) await new Promise(setImmediate);
      if (int(2) === 0) write.cancel();
    }
    const finals = await Promise.all(writes.map(({ final }) => final));
    const after = readFileSync(path);
    finals.forEach((final, index) => {
      const there = after.subarray(index * 4096, (index + 1) * 4096);
      const expected =
        final === 'written' ? Buffer.alloc(4096, value) : before.subarray(index * 4096, (index + 1) * 4096);
      expect(final).not.toBe('unknown');
      expect(Buffer.compare(there, expected), `wave ${wave}, write ${index}: ${final}`).toBe(0);
      if (final === 'written') tally.done++;
    });
  }
  expect(settlements).toBe(waves * perWave);
  expect(tally.untouched).toBeGreaterThan(0);
  expect(tally.done).toBeGreaterThan(0);
  expect(nativeUsage()).toEqual({ operations: 0, inFlight: 0, requests: 0, slabPages: 0 });
});
