// What the explorer rests on, the recorded operations, the sector form, the bit flips and the mutants.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { decodeCopy } from '../../lib/format/codec.js';
import { random } from '../support/random.js';
import { isFull, tiered } from '../support/tier.js';
import { contentOf, drawnContent, imageOf, type State } from './alphabet.js';
import { flipsByDecoding, flipsBySyndrome, structureBits } from './bit-flips.js';
import { crashStates, type Step, stepsOf } from './crash-states.js';
import { mutants } from './mutants.js';
import { run } from './operations.js';
import { plans, words } from './plans.js';
import { type Prediction, predict } from './predict.js';
import { exploreRecorded } from './recorded.js';
import { imageOfMask, namedMasks, passingMasks, residual, residualOf, tearingOf } from './residual.js';
import { exploreScenarios } from './sectors.js';

const plan = tiered(plans.tests(), plans.quick());
const drawn = (disk: string): State => disk.split(' ').map(drawnContent);

describe('crash states', () => {
  const [old, next, other] = drawn('7 8+ 6');
  const write = (slot: number, to = next, durable = true): Step => ({
    kind: 'writes',
    durable,
    writes: [{ slot, to: to as NonNullable<typeof to>, isBody: true }],
  });
  const texts = (start: State, steps: readonly Step[]) =>
    [...crashStates(start, steps)].map(({ state }) => state.map(({ name }) => name).join(' '));

  it('of one write are the old copy, the new one and a torn one', () => {
    expect(new Set(texts([old as never], [{ kind: 'flush' }, write(0)]))).toEqual(new Set(['7', '8+', 'x']));
  });

  it('keep what is durable', () => {
    const states = texts([old as never, old as never], [{ kind: 'flush' }, write(0), write(1)]);
    expect(states.filter((state) => state.endsWith('8+'))).toEqual(['8+ 8+']);
  });

  it('let what was not flushed be there or not, whatever came after it', () => {
    const steps = [{ kind: 'flush' } as const, write(0, next, false), write(1, other)];
    const states = texts([old as never, old as never], steps);
    expect(states).toContain('7 6');
    expect(states).toContain('8+ 6');
  });

  it('let the start itself be lost where it was written over before a flush', () => {
    expect(texts([old as never, old as never], [write(0)])).toContain('x -');
  });
});

describe('the algebra of torn writes', () => {
  const { fill, int } = random(23);
  const wide = fill(new Uint8Array(131_072));
  const whole = (from: string) => (drawnContent(from).bytes as Uint8Array).slice();

  it('gives the residual that checksumming the image gives', () => {
    const tearing = tearingOf(wide, whole('7'));
    expect(tearing.sectors.length).toBe(165);
    for (let round = 0; round < 200; round++) {
      const mask = tearing.sectors.map(() => int(2) === 1);
      expect(residualOf(tearing, mask)).toBe(residual(imageOfMask(tearing, mask)));
    }
  });

  it('finds every image that passes, and no other', () => {
    // A damaged copy whose damage the new one mends, sector by sector: 2^4 images, all of which can be decoded.
    const old = whole('7');
    const next = whole('8+');
    for (const at of [5000, 30_000, 60_000]) old[at] = 1;
    const tearing = tearingOf(old, next);
    const all = Array.from({ length: 2 ** tearing.sectors.length }, (_, bits) =>
      tearing.sectors.map((_sector, at) => ((bits >> at) & 1) === 1),
    );
    const valid = all.filter((mask) => decodeCopy(imageOfMask(tearing, mask)).state === 'valid');
    const passing = passingMasks(tearing) ?? [];
    expect(new Set(passing.map(String))).toEqual(new Set(valid.map(String)));
    expect(valid.length).toBe(2); // The new one, and the old one with its damage mended.
  });

  it('says so where there are more sectors than it can tell apart', () => {
    expect(passingMasks(tearingOf(wide, whole('7')))).toBeUndefined();
    expect([...namedMasks(165)].length).toBe(2 * 166 + 165 * 166);
  });
});

it('the operations do what the parts that decide say, and every crash state of them is as promised', {
  timeout: 600_000,
}, async () => {
  const { operations, states, violations } = await exploreRecorded(plan.recorded);
  expect(violations).toEqual([]);
  expect(operations).toBeGreaterThan(2000);
  expect(states).toBeGreaterThan(10_000);
});

it('every subset of the sectors of a write, and the widest ones in samples, leaves what is promised', async () => {
  const { scenarios, sectors } = plan;
  const tally = await exploreScenarios(scenarios, sectors);
  expect(tally.violations).toEqual([]);
  expect(tally.writesInFull).toBeGreaterThan(500);
  expect(tally.writesSampled).toBeGreaterThan(0);
  expect(tally.decoded).toBeGreaterThan(1000);
});

it('what a damaged slot holds beside its fault decides nothing: real torn bytes are planned as the drawn ones', async () => {
  const { int } = random(31);
  const shape = (prediction: Prediction) =>
    prediction.refused ??
    prediction.steps.map((step) =>
      step.kind === 'flush' ? 'flush' : step.writes.map(({ slot, isBody }) => `${slot}${isBody ? 'w' : 'd'}`),
    );
  let compared = 0;
  for (let round = 0; round < 150; round++) {
    const start = Array.from({ length: 2 + int(4) }, () => drawnContent(words[int(words.length)] as string));
    const { log, error } = await run({ name: 'create' }, start);
    if (error !== undefined) continue;
    const writes = stepsOf(start, log).flatMap((step) => (step.kind === 'writes' ? step.writes : []));
    const { slot, to } = writes[int(writes.length)] as (typeof writes)[number];
    const tearing = tearingOf((start[slot] as State[number]).bytes, to.bytes);
    const torn = contentOf(
      imageOfMask(
        tearing,
        tearing.sectors.map(() => int(2) === 1),
      ),
    );
    if (torn.slot.state !== 'damaged') continue;
    const fault = { checksum: 'x', magic: 'm', blank: '-' }[torn.slot.damage.fault as 'magic'];
    const real = start.map((content, at) => (at === slot ? torn : content));
    const stand = start.map((content, at) => (at === slot ? drawnContent(fault) : content));
    for (const name of ['commit', 'repair', 'handover', 'create'] as const) {
      expect(shape(predict({ name }, real))).toEqual(shape(predict({ name }, stand)));
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(50);
});

it('an image of a state is the state', () => {
  const state = drawn('7 x - 6');
  expect(imageOf(state).length).toBe(4 * 131_072);
  expect(imageOf(state).subarray(131_072, 262_144)).toEqual(state[1]?.bytes);
});

describe('bit flips', () => {
  it('every single flip has a syndrome, and no two of them have the same', () => {
    expect(flipsBySyndrome(2000)).toEqual({ singles: 674_304, missed: 0, equal: 0 });
    expect(structureBits).toBe(674_304);
  });

  it.runIf(isFull)('every single flip is found by decoding', { timeout: 600_000 }, () => {
    expect(flipsByDecoding(drawnContent('7').bytes, 1)).toEqual({ flips: 674_304, missed: 0 });
  });
});

//  Some minutes: .ci/run and `npm run crash -- --mutants`.
it.runIf(isFull)('every mutant is killed', { timeout: 600_000 }, async () => {
  const script = fileURLToPath(new URL('../../scripts/crash.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--mutants']);
  for (const { name } of mutants) expect(stdout).toContain(`killed  ${name} (`);
  expect(stdout).not.toContain('LIVES');
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^crash: every mutant is killed, /);
});
