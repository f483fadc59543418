// Stress with continuous I/O: readers and writers over one area, which is remapped piece by piece as writes fail, and a target that is
// removed at a random moment and opened again. Every sector of every read is held against what may be there (sector-log.ts).

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import { engineNames } from '../../lib/device/engines.js';
import type { TargetError } from '../../lib/target/effects.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import { whyNo } from '../stuck/reasons.js';
import { type Random, random } from '../support/random.js';
import { SectorLog } from '../support/sector-log.js';
import { tiered } from '../support/tier.js';
import { expectNothingLeft, type TroubledDevice, troubledDevices, whenFree } from './life-devices.js';

const rounds = Number(process.env.DMREMAP_STRESS ?? tiered(3, 1));
const seed = Number(process.env.DMREMAP_SEED ?? Date.now() % 1_000_000) + 1;
const timeout = 60_000 + 5_000 * rounds;
const area = 256;
const lengths = 16;

/** A sector that says which write it is of. */
const stamped = (values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(values.length * 512);
  const words = new Uint32Array(bytes.buffer);
  for (const [at, value] of values.entries()) words.fill(value, at * 128, (at + 1) * 128);
  return bytes;
};

class Stress {
  readonly #log = new SectorLog(area, 0);
  readonly #random: Random;
  #written = 0;
  /** Requests that have succeeded. */
  done = 0;
  /** Those that were given up, until they have drained. */
  readonly drained: Promise<unknown>[] = [];

  constructor(from: Random) {
    this.#random = from;
  }

  range() {
    const count = 1 + this.#random.int(lengths);
    return { first: this.#random.int(area - count), count };
  }

  async write(target: RemapTarget): Promise<unknown> {
    const { first, count } = this.range();
    const value = ++this.#written;
    const values = Array.from({ length: count }, () => value);
    const ended = this.#log.write(first, values);
    try {
      await target.write(first, stamped(values), { unsettled: 'wait' });
      ended('acknowledged');
      this.done++;
      return undefined;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      // It may land for as long as it has not drained, and after that in part.
      ended(error.outcome === 'untouched' ? 'untouched' : 'unknown');
      this.drained.push(error.drained);
      return error;
    }
  }

  async read(target: RemapTarget, range = this.range()): Promise<unknown> {
    const possible = this.#log.read(range.first, range.count);
    try {
      const bytes = await target.read(range.first, range.count);
      this.#check(range.first, bytes, possible());
      this.done++;
      return undefined;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      return error;
    }
  }

  #check(first: number, bytes: Uint8Array, possible: readonly ReadonlySet<number>[]): void {
    for (const [at, values] of possible.entries()) {
      const sector = new Uint32Array(bytes.slice(at * 512, (at + 1) * 512).buffer);
      const [value = -1] = sector;
      if (values.has(value) && sector.every((word) => word === value)) continue;
      const allowed = [...values].join(', ');
      throw new Error(`sector ${first + at} holds ${value}, and only ${allowed} may be there (seed ${seed})`);
    }
  }
}

const expected = new Set(['ERR_TARGET_DESTROYED', 'ERR_IO', 'ERR_TARGET_DEGRADED', 'ERR_SPARE_EXHAUSTED']);

for (const [title, fixture, make] of troubledDevices) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? `${title} (seed ${seed})`, () => {
    let main: TroubledDevice;
    let spare: TroubledDevice;
    beforeAll(async () => {
      [main, spare] = await Promise.all([make(), make()]);
    });
    afterAll(() => Promise.all([main, spare].map((disk) => disk?.[Symbol.asyncDispose]())));

    it.each(engineNames)('stress with continuous I/O (%s)', { timeout }, async (engine) => {
      const dice = random(seed);
      const stress = new Stress(dice);
      const options = { main: main.path, spare: spare.path, engine, sync: { attempts: 1000, backoffMs: 1 } };
      const created = await whenFree(() => RemapTarget.create({ ...options, force: true }));
      await created.write(0, new Uint8Array(area * 512));
      await created.destroy();
      for (let round = 0; round < rounds; round++) {
        await using target = await whenFree(() => RemapTarget.open(options));
        const goOn = async (one: () => Promise<unknown>) => {
          for (;;) {
            const error = await one();
            if (error === undefined) continue;
            expect(expected).toContain((error as TargetError).code);
            if ((error as TargetError).code === 'ERR_TARGET_DESTROYED') return;
          }
        };
        const workers = [0, 1, 2, 3].flatMap(() => [
          goOn(() => stress.write(target)),
          goOn(() => stress.read(target)),
        ]);
        const all = Promise.all(workers);
        const until = async (done: number) => {
          while (stress.done < done) await Promise.race([all, new Promise(setImmediate)]);
        };
        await until(stress.done + 20 + dice.int(100));
        await main.begin();
        // Errors go on until some sectors have moved for good; what hangs, hangs.
        const moved = () => target.status().remaps > target.status().pendingBlocks;
        while (main.trouble === 'errors' && !moved()) await Promise.race([all, new Promise(setImmediate)]);
        for (let turns = dice.int(20); turns > 0; turns--) await new Promise(setImmediate);
        await target.destroy({ graceMs: 0 });
        await all;
        await main.end();
        await Promise.all(stress.drained.splice(0));
        // All of it, sector by sector, with nothing under way.
        await using again = await whenFree(() => RemapTarget.open(options));
        for (let first = 0; first < area; first += lengths) {
          expect(await stress.read(again, { first, count: lengths })).toBeUndefined();
        }
        if (main.trouble === 'errors') expect(again.entries().length).toBeGreaterThan(0);
        await again.destroy();
      }
      await expectNothingLeft(main.path, spare.path);
    });
  });
}
