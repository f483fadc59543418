// What is made of samples: pure, and held against values that were worked out by hand.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';

// Plain JavaScript, as all of bench/ is.
const load = (name: string) => import(new URL(`../../bench/frame/${name}`, import.meta.url).href);
const { spreadOf, ratiosOf, meets } = await load('statistics.mjs');
const { groupResult, goalsOf, verdictOf } = await load('result.mjs');
const { valueText, headerText, benchmarkText } = await load('text.mjs');
const { random } = await load('random.mjs');

const samples = fc.array(fc.double({ min: 1e-9, max: 1e15, noNaN: true }), { minLength: 1, maxLength: 50 });

describe('a spread', () => {
  test.each([
    [[7], { median: 7, min: 7, lowerQuartile: 7, upperQuartile: 7, max: 7 }],
    [[3, 1], { median: 2, min: 1, lowerQuartile: 1.5, upperQuartile: 2.5, max: 3 }],
    [[9, 1, 5], { median: 5, min: 1, lowerQuartile: 3, upperQuartile: 7, max: 9 }],
    [[10, 2, 100, 4, 8], { median: 8, min: 2, lowerQuartile: 4, upperQuartile: 10, max: 100 }],
  ])('of %j', (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  it('rises from the least to the greatest, whatever the order, and leaves the values as they are', () => {
    fc.assert(
      fc.property(samples, (values) => {
        const before = [...values];
        const { min, lowerQuartile, median, upperQuartile, max } = spreadOf(values);
        expect(values).toEqual(before);
        expect(spreadOf(values.toReversed())).toEqual({ min, lowerQuartile, median, upperQuartile, max });
        const rising = [min, lowerQuartile, median, upperQuartile, max];
        // The line between two neighbours can miss them by a rounding.
        for (let at = 1; at < rising.length; at++) {
          expect((rising[at - 1] as number) * (1 - 1e-12)).toBeLessThanOrEqual(rising[at] as number);
        }
        expect(values.filter((value) => value * (1 + 1e-12) < median).length).toBeLessThanOrEqual(
          values.length / 2,
        );
        expect(values.filter((value) => value * (1 - 1e-12) > median).length).toBeLessThanOrEqual(
          values.length / 2,
        );
      }),
    );
  });

  test.each([[[]], [[0]], [[1, -1]], [[Number.NaN]], [[1, Number.POSITIVE_INFINITY]], [[undefined]]])(
    'of %j is refused: it was not measured',
    (values) => {
      expect(() => spreadOf(values)).toThrow(RangeError);
    },
  );
});

describe('a ratio', () => {
  it('is of the same round: what disturbs both sides in one round is not in it', () => {
    const quiet = ratiosOf([30, 30, 30, 30, 30], [10, 10, 10, 10, 10]);
    const disturbed = ratiosOf([30, 300, 30, 90, 30], [10, 100, 10, 30, 10]);
    expect(disturbed).toEqual(quiet);
    expect(quiet.median).toBe(3);
  });

  it('is not the ratio of two medians', () => {
    const [of, to] = [
      [10, 20, 90],
      [10, 40, 30],
    ];
    expect(ratiosOf(of, to)).toMatchObject({ values: [1, 0.5, 3], median: 1 });
    expect(spreadOf(of).median / spreadOf(to).median).not.toBe(1);
  });

  test.each([
    [[1, 2], [1]],
    [[1], [1, 2]],
    [[], []],
    [[1], [0]],
  ])('of %j to %j is refused', (of, to) => {
    expect(() => ratiosOf(of, to)).toThrow(RangeError);
  });
});

test.each([
  [{ atLeast: 3 }, 3, true],
  [{ atLeast: 3 }, 2.999, false],
  [{ atMost: 1.3 }, 1.3, true],
  [{ atMost: 1.3 }, 1.301, false],
])('whether %j is met by %d: %s', (goal, median, met) => {
  expect(meets(goal, median)).toBe(met);
});

describe('a group', () => {
  const group = {
    name: 'race',
    title: 'a race',
    sides: [{ name: 'hare' }, { name: 'tortoise' }],
    ratios: [
      { of: 'hare', to: 'tortoise', measure: 'time', goal: { what: 'the hare wins', atMost: 0.5 } },
      { of: 'tortoise', to: 'hare', measure: 'time', goal: { what: 'the tortoise wins', atMost: 0.5 } },
      { of: 'tortoise', to: 'hare', measure: 'cpu' },
    ],
  };
  const measured = [
    [10, 20, 40].map((time) => ({ time, cpu: 1 })),
    [50, 100, 100].map((time) => ({ time, cpu: 2 })),
  ];

  it('becomes spreads, ratios and goals', () => {
    const result = groupResult(group, measured);
    expect(result).toMatchObject({
      rounds: 3,
      sides: [
        { name: 'hare', measures: { time: { unit: 'ns', values: [10, 20, 40], median: 20 } } },
        { name: 'tortoise', measures: { cpu: { values: [2, 2, 2], max: 2 } } },
      ],
      ratios: [{ values: [0.2, 0.2, 0.4], median: 0.2 }, { values: [5, 5, 2.5] }, { median: 2 }],
    });
    expect(goalsOf(group, result)).toMatchObject([
      { group: 'race', what: 'the hare wins', atMost: 0.5, median: 0.2, met: true },
      { what: 'the tortoise wins', median: 5, met: false },
    ]);
  });

  it('is a table whose rows line up', () => {
    const result = groupResult(group, measured);
    const benchmark = { name: 'race', title: 'who wins', groups: [result], goals: goalsOf(group, result) };
    const lines = benchmarkText(benchmark).split('\n');
    const row = (start: string) => lines.find((line: string) => line.trimStart().startsWith(start)) as string;
    const ends = [row('time'), row('hare '), row('tortoise ')].map((line) => line.length);
    expect(new Set(ends).size).toBe(1);
    expect(row('tortoise ')).toMatch(/100 ns +50\.0 ns +100 ns +2\.00 ns$/);
    expect(row('the hare wins')).toMatch(/<= 0\.5 x +0\.200 x +met$/);
    expect(row('the tortoise wins')).toMatch(/5\.00 x +NOT MET$/);
  });
});

describe('the verdict', () => {
  const goals = [{ met: true }, { met: false }];
  test.each([
    [{ benchmarks: [{ goals }], failures: [], quick: false }, 0, 'measured; 1 of 2 goals met'],
    [{ benchmarks: [{ goals: [] }], failures: [], quick: false }, 0, 'measured; no goals'],
    [
      { benchmarks: [{ goals }], failures: [], quick: true },
      0,
      'measured; 1 of 2 goals met; too short to judge by',
    ],
    [
      { benchmarks: [{ goals }], failures: [{ benchmark: 'a' }, { benchmark: 'b' }], quick: false },
      1,
      'FAILED: could not be measured: a, b',
    ],
  ])(
    '%#: a goal that is not met is a result, what could not be measured is none',
    (result, exitStatus, verdict) => {
      expect(verdictOf(result)).toEqual({ exitStatus, verdict });
    },
  );
});

describe('text', () => {
  test.each([
    [0.4, 'ns', '0.400 ns'],
    [7, 'ns', '7.00 ns'],
    [12.34, 'ns', '12.3 ns'],
    [9.999, 'ns', '10.0 ns'],
    [999, 'ns', '999 ns'],
    [1234, 'ns', '1.23 us'],
    [56_700_000, 'ns', '56.7 ms'],
    [3e9, 'ns', '3.00 s'],
    [695, '1/s', '695'],
    [82_600_000, '1/s', '82.6 M'],
    [40_276 * 1024, 'bytes', '39.3 MiB'],
  ])('%d %s is shown as %s', (value, unit, text) => {
    expect(valueText(value, unit)).toBe(text);
  });

  it('says when others disturb', () => {
    const machine = { cpu: 'x', cpus: 2, memoryBytes: 1, kernel: '6', architecture: 'x64', product: null };
    const header = (load: number) =>
      headerText({
        date: '',
        machine,
        engine: null,
        path: null,
        versions: { dmremap: '1' },
        loadAverage: [load, 9, 9],
        quick: false,
      });
    expect(header(0.9)).not.toContain('noisy');
    expect(header(1.1)).toContain('noisy');
  });
});

it('draws the same numbers from the same seed, below the limit, and not the same from another', () => {
  const drawn = (seed: number) =>
    Array.from(
      { length: 1000 },
      (
        (draw) => () =>
          draw(2 ** 34)
      )(random(seed)),
    );
  const first: number[] = drawn(1);
  expect(drawn(1)).toEqual(first);
  expect(drawn(2)).not.toEqual(first);
  expect(first.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 34)).toBe(true);
  // All of the range: no eighth of it is empty.
  expect(new Set(first.map((value) => Math.floor(value / 2 ** 31))).size).toBe(8);
});
