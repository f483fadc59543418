// From what was measured to samples, goals of one side, and plots with gaps: held against values that were worked out by hand.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { tagsOf } from '../support/svg.js';

const load = (name: string) => import(new URL(`../../bench/frame/${name}`, import.meta.url).href);
const { latenciesOf, roundOf } = await load('latencies.mjs');
const { groupResult, goalsOf } = await load('result.mjs');
const { benchmarkText } = await load('text.mjs');
const { drawPlot } = await load('plot.mjs');
const { fioSample } = await load('fio.mjs');

describe('latencies', () => {
  test.each([
    [[3], { p50: 3e6, p99: 3e6, slowest: 3e6 }],
    [[4, 1], { p50: 1e6, p99: 1e6, slowest: 4e6 }],
    [[5, 1, 4, 2, 3], { p50: 3e6, p99: 4e6, slowest: 5e6 }],
    [Array.from({ length: 101 }, (_, at) => 100 - at), { p50: 50e6, p99: 99e6, slowest: 100e6 }],
    [Array.from({ length: 1000 }, (_, at) => at + 1), { p50: 500e6, p99: 990e6, slowest: 1000e6 }],
  ])('of %j ms, in nanoseconds', (milliseconds, expected) => {
    expect(latenciesOf(milliseconds)).toEqual(expected);
  });

  it('rise, are among those that were measured, and do not go by their order', () => {
    const some = fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(some, (milliseconds) => {
        const { p50, p99, slowest } = latenciesOf(milliseconds);
        expect(latenciesOf(milliseconds.toReversed())).toEqual({ p50, p99, slowest });
        expect(p50 <= p99 && p99 <= slowest).toBe(true);
        expect(slowest).toBe(Math.max(...milliseconds) * 1e6);
        const share = (value: number) =>
          milliseconds.filter((one) => one * 1e6 <= value).length / milliseconds.length;
        expect(share(p50)).toBeGreaterThanOrEqual(0.5);
        for (const value of [p50, p99]) expect(milliseconds.map((one) => one * 1e6)).toContain(value);
      }),
    );
  });

  it('of a round: each caller does one after the other, and all of them are waited for', async () => {
    const running = new Set<number>();
    const done: number[] = [];
    let most = 0;
    const sample = await roundOf(1, 5, async (caller: number) => {
      expect(running.has(caller)).toBe(false);
      running.add(caller);
      most = Math.max(most, running.size);
      await new Promise(setImmediate);
      running.delete(caller);
      done.push(caller);
    });
    expect(running.size).toBe(0);
    expect(most).toBe(5);
    expect(new Set(done)).toEqual(new Set([0, 1, 2, 3, 4]));
    for (const value of Object.values(sample)) expect(value).toBeGreaterThan(0);
    // Half of them took p50 or longer, one after the other, of five callers.
    expect(sample.rate).toBeLessThanOrEqual(((2 * 5 * 1e9) / sample.p50) * (1 + 1e-9));
  });

  it('of a round in which an operation fails are none', async () => {
    const failing = roundOf(1, 2, async () => {
      throw new Error('out of order');
    });
    await expect(failing).rejects.toThrow('out of order');
  });
});

describe('what fio prints', () => {
  const printed = (job: object) => JSON.stringify({ jobs: [{ error: 0, usr_cpu: 10, sys_cpu: 30, ...job }] });
  const write = {
    total_ios: 1000,
    runtime: 500,
    iops: 2000,
    clat_ns: { max: 900, percentile: { '50.000000': 100, '99.000000': 800 } },
  };

  it('is a sample: 40 % of 500 ms for 1,000 writes', () => {
    expect(fioSample(printed({ write }))).toEqual({
      rate: 2000,
      cpu: 200_000,
      p50: 100,
      p99: 800,
      slowest: 900,
    });
  });

  it('has processor time also where fio has counted none', () => {
    expect(fioSample(printed({ write, usr_cpu: 0, sys_cpu: 0 })).cpu).toBe(1000);
  });

  it('has no percentile above the greatest, as its buckets do', () => {
    const clat_ns = { max: 790, percentile: { '50.000000': 100, '99.000000': 800 } };
    expect(fioSample(printed({ write: { ...write, clat_ns } }))).toMatchObject({ p99: 790, slowest: 790 });
  });

  it('is no sample where its job has failed', () => {
    expect(() => fioSample(printed({ write, error: 28 }))).toThrow('fio ended with errno 28');
  });
});

describe('goals of one side', () => {
  const group = {
    name: 'race',
    title: 'a race',
    sides: [{ name: 'hare' }, { name: 'tortoise' }],
    ratios: [{ of: 'hare', to: 'tortoise', measure: 'p99', goal: { what: 'the hare wins', atMost: 0.5 } }],
    bounds: [
      { of: 'hare', measure: 'p99', statistic: 'median', goal: { what: 'soon', atMost: 25e3 } },
      { of: 'hare', measure: 'p99', statistic: 'max', goal: { what: 'always soon', atMost: 25e3 } },
      { of: 'tortoise', measure: 'rate', statistic: 'median', goal: { what: 'often', atLeast: 2000 } },
    ],
  };
  const samples = [
    [10e3, 20e3, 40e3].map((p99) => ({ p99, rate: 1 })),
    [50e3, 100e3, 100e3].map((p99, round) => ({ p99, rate: [1000, 3000, 2000][round] })),
  ];
  const result = groupResult(group, samples);
  const goals = goalsOf(group, result);

  it('are held against the median of its rounds, or the greatest', () => {
    expect(goals).toEqual([
      {
        group: 'race',
        what: 'the hare wins',
        of: 'hare',
        to: 'tortoise',
        measure: 'p99',
        atMost: 0.5,
        median: 0.2,
        met: true,
      },
      ...[
        {
          what: 'soon',
          of: 'hare',
          measure: 'p99',
          atMost: 25e3,
          statistic: 'median',
          unit: 'ns',
          value: 20e3,
          met: true,
        },
        {
          what: 'always soon',
          of: 'hare',
          measure: 'p99',
          atMost: 25e3,
          statistic: 'max',
          unit: 'ns',
          value: 40e3,
          met: false,
        },
        {
          what: 'often',
          of: 'tortoise',
          measure: 'rate',
          atLeast: 2000,
          statistic: 'median',
          unit: '1/s',
          value: 2000,
          met: true,
        },
      ].map((goal) => ({ group: 'race', ...goal })),
    ]);
  });

  it('are told in the unit of what they are about, beside those of ratios', () => {
    const text = benchmarkText({ name: 'race', title: 'who wins', groups: [result], goals });
    expect(text).toMatch(/the hare wins +<= 0\.5 x +0\.200 x +met\n/);
    expect(text).toMatch(/ soon +<= 25\.0 us +20\.0 us +met\n/);
    expect(text).toMatch(/always soon +<= 25\.0 us +40\.0 us +NOT MET\n/);
    expect(text).toMatch(/often +>= 2\.00 k +2\.00 k +met\n/);
  });
});

describe('a plot', () => {
  const side = (name: string, time: number) => ({
    name,
    measures: { time: { unit: 'ns', values: [time], median: time, min: time, max: time } },
  });
  const groups = [
    { name: 'a-1', title: 'first', sides: [side('hare', 111), side('tortoise', 222), side('snail', 333)] },
    { name: 'a-2', title: 'second', sides: [side('tortoise', 444), side('eagle', 555)] },
    { name: 'b-1', title: 'third', sides: [side('hare', 666)] },
  ];
  const draw = (plot: object) =>
    drawPlot({ title: 'Race', measure: 'time', groups: /^a-/, ...plot }, groups) as string;
  const textsOf = (svg: string) => Array.from(svg.matchAll(/>([^<>]+)<\/text>/g), ([, text]) => text);
  /** The texts behind the bars: one of each that is drawn. */
  const valuesOn = (svg: string) =>
    textsOf(svg).filter((text) => /^(111|222|333|444|555|666) ns$/.test(text ?? ''));

  it('has a gap where a group lacks a side', () => {
    const svg = draw({});
    expect(tagsOf(svg)).toContain('path');
    expect(valuesOn(svg).sort()).toEqual(['111 ns', '222 ns', '333 ns', '444 ns']);
    expect(textsOf(svg)).toEqual(expect.arrayContaining(['first', 'second', 'hare', 'tortoise', 'snail']));
    expect(textsOf(svg)).not.toEqual(expect.arrayContaining(['third']));
  });

  it('has those sides alone that it names, and of them what was measured', () => {
    const svg = draw({ sides: ['eagle', 'tortoise', 'owl'] });
    expect(valuesOn(svg).sort()).toEqual(['222 ns', '444 ns', '555 ns']);
    for (const absent of ['hare', 'snail', 'owl']) expect(textsOf(svg)).not.toContain(absent);
  });
});
