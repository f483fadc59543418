// The index of originals against a Map, and under the worst that a table on a disk can ask of it.
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Sector, u64Max } from '../../lib/base/units.js';
import { OriginalIndex } from '../../lib/store/table/original-index.js';

const seams = [0n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, u64Max];
const around = (seam: bigint) => [-2n, -1n, 0n, 1n, 2n].map((away) => seam + away);
const edges = seams.flatMap(around).filter((one) => one >= 0n && one <= u64Max);

/** Says the same as the model of each of these, asked both ways. */
function expectAlike(index: OriginalIndex, model: ReadonlyMap<bigint, bigint>, originals: Iterable<bigint>) {
  for (const original of originals) {
    expect(index.ofBigint(original)).toBe(model.get(original));
    if (original > Number.MAX_SAFE_INTEGER) continue;
    expect(index.ofNumber(Number(original))).toBe(model.get(original));
  }
}

/** An index whose module has drawn these numbers, so that it is known where each original goes. */
async function indexThatDrew(random: number): Promise<OriginalIndex> {
  vi.resetModules();
  vi.spyOn(Math, 'random').mockReturnValue(random);
  return new (await import('../../lib/store/table/original-index.js')).OriginalIndex();
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the index of originals', () => {
  it('does what a Map would do', () => {
    const original = fc.oneof(fc.constantFrom(...edges), fc.bigInt(0n, 40n), fc.bigInt(0n, u64Max));
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(original, fc.bigInt(0n, u64Max)) },
      { weight: 2, arbitrary: fc.nat().map((which) => ({ which })) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.array(original), (steps, asked) => {
        const index = new OriginalIndex();
        const model = new Map<bigint, bigint>();
        const seen = new Set<bigint>();
        for (const one of steps) {
          if ('which' in one) {
            const taken = [...model.keys()][one.which % model.size];
            if (taken === undefined) continue;
            index.delete(taken);
            model.delete(taken);
          } else {
            index.set(one[0], one[1] as Sector);
            model.set(...one);
            seen.add(one[0]);
          }
          expect(index.size).toBe(model.size);
        }
        expectAlike(index, model, [...seen, ...asked, ...edges]);
      }),
      { numRuns: 300 },
    );
  });

  it('tells apart originals that differ in one bit alone', () => {
    const index = new OriginalIndex();
    const powers = Array.from({ length: 64 }, (_, bit) => 1n << BigInt(bit));
    const model = new Map(powers.map((power, bit) => [power, BigInt(bit)]));
    for (const [power, bit] of model) index.set(power, bit as Sector);
    expectAlike(index, model, [0n, ...powers, ...powers.map((power) => power ^ 1n)]);
  });

  it.each([
    ['rise by one', (at: bigint) => at],
    ['rise by 2^20', (at: bigint) => at << 20n],
    ['differ in their upper half alone', (at: bigint) => at << 32n],
    ['differ in their last bits alone', (at: bigint) => at << 53n],
  ])('holds 2,048 that %s', (_, originalOf) => {
    const index = new OriginalIndex();
    const model = new Map(Array.from({ length: 2048 }, (_, at) => [originalOf(BigInt(at)), BigInt(at)]));
    for (const [original, spare] of model) index.set(original, spare as Sector);
    const others = Array.from({ length: 2048 }, (_, at) => originalOf(BigInt(at)) ^ 0x8000_0001n);
    expectAlike(index, model, [...model.keys(), ...others]);
  });

  it('takes no more room for an original that is set again and again', () => {
    const index = new OriginalIndex();
    for (let spare = 0n; spare < 10_000n; spare++) index.set(7n, spare as Sector);
    expectAlike(index, new Map([[7n, 9999n]]), [6n, 7n, 8n]);
  });

  // With 1 for both factors the halves are XORed, and each of these originals comes to the same cell: the first one, or the
  // last one, behind which the search goes on at the first.
  it.each([0n, 8191n])('holds 2,048 that all fall into cell %s', async (cell) => {
    const index = await indexThatDrew(0);
    const originals = Array.from({ length: 2049 }, (_, at) => (BigInt(at) << 32n) | (BigInt(at) ^ cell));
    const absent = originals.pop() as bigint;
    const model = new Map(originals.map((original, at) => [original, BigInt(at)]));
    for (const [original, spare] of model) index.set(original, spare as Sector);
    for (const original of originals.slice(0, 10)) {
      index.set(original, 77n as Sector);
      model.set(original, 77n);
    }
    expectAlike(index, model, [...originals, absent, cell ^ 1n]);
  });

  // A few cells at the end and at the beginning, so that each search crosses those of others and the end of the cells.
  it('finds what is left when one of many that crowd each other is taken out', async () => {
    const index = await indexThatDrew(0);
    const model = new Map<bigint, bigint>();
    const original = fc
      .tuple(fc.constantFrom(8189n, 8190n, 8191n, 0n, 1n), fc.bigInt(0n, 5n))
      .map(([cell, at]) => (at << 32n) | (at ^ cell));
    const all = fc.sample(original, 300);
    const step = fc.tuple(original, fc.bigInt(0n, u64Max));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        for (const [one, spare] of steps) {
          if (model.delete(one)) {
            index.delete(one);
          } else {
            index.set(one, spare as Sector);
            model.set(one, spare);
          }
        }
        expectAlike(index, model, all);
      }),
      { numRuns: 300 },
    );
  });
});
