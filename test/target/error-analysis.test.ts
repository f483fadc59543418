// What errors say together: docs/health.md holds, another error never raises the score, and no number of them takes more memory.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sector, u64Max } from '../../lib/base/units.js';
import {
  ErrorAnalysis,
  type ErrorAnalysisOptions,
  type RecordedError,
} from '../../lib/target/error-analysis.js';
import { defaultThresholds, healthScore, healthVerdict } from '../../lib/target/health-score.js';

const day = 86_400_000;

const error = (at: bigint | number, rest: Partial<RecordedError> = {}): RecordedError => ({
  device: 'main',
  kind: 'read',
  sector: sector(at),
  count: 1,
  atMs: 0,
  ...rest,
});

describe('docs/health.md', () => {
  const text = readFileSync(new URL('../../docs/health.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\w+) \|$/gm)].map((row) => ({
    errors: Number(row[1]),
    run: Number(row[2]),
    hot: Number(row[3]),
    score: Number(row[4]),
    verdict: row[5],
  }));

  it('has a worked table', () => expect(rows.length).toBeGreaterThan(10));

  it.each(rows)(
    '$errors errors, $run in a row, $hot in hot spots: $score, $verdict',
    ({ errors, run, hot, score, verdict }) => {
      // A region of its own for each error that is in no hot spot.
      const analysis = new ErrorAnalysis({ maxRegions: 1024 });
      for (let at = 0; at < errors; at++) {
        if (at === errors - run) analysis.recordSuccess('main', 8);
        analysis.recordError(error(at < hot ? 7 : 1_000_000 * (at + 1)));
      }
      if (run === 0) analysis.recordSuccess('main', 8);
      const found = analysis.analyse(1000);
      expect(found).toMatchObject({ score, verdict });
      expect(found.main).toMatchObject({ readErrors: errors, run });
      expect(found.hotSpots.reduce((all, spot) => all + spot.errors, 0)).toBe(hot);
      expect(found.reasons.length > 0).toBe(verdict !== 'good');
    },
  );

  it('tells the bounds of each verdict', () => {
    for (let errors = 0; errors <= 40; errors++) {
      for (let run = 0; run <= 20; run++) {
        for (let hotSpotErrors = 0; hotSpotErrors <= errors; hotSpotErrors++) {
          const counts = { errors, run, hotSpotErrors };
          const score = healthScore(counts, defaultThresholds);
          const verdict = healthVerdict(counts, defaultThresholds);
          expect(score >= 0 && score <= 100).toBe(true);
          if (verdict === 'failing') expect(score).toBeLessThanOrEqual(60);
          if (verdict === 'good') expect(score).toBeGreaterThanOrEqual(84);
        }
      }
    }
  });
});

type Event =
  | { readonly ok: true; readonly device: 'main' | 'spare'; readonly passMs: number }
  | { readonly ok: false; readonly passMs: number; readonly error: RecordedError };

const device = fc.constantFrom('main', 'spare');
const anyError = fc.record({
  device,
  kind: fc.constantFrom('read', 'write'),
  sector: fc.oneof(fc.bigInt(0n, 40_000n), fc.bigInt(0n, u64Max - 4096n)).map(sector),
  count: fc.integer({ min: 1, max: 4096 }),
});
const event: fc.Arbitrary<Event> = fc
  .record({ passMs: fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 2 * day })) })
  .chain(({ passMs }) =>
    fc.oneof(
      fc.record({ ok: fc.constant(true as const), device, passMs: fc.constant(passMs) }),
      anyError.map((one) => ({ ok: false as const, passMs, error: { ...one, atMs: 0 } })),
    ),
  );

/** Runs events through an analysis; returns the time of the last. */
function feed(analysis: ErrorAnalysis, events: readonly Event[]): number {
  let atMs = 0;
  for (const one of events) {
    atMs += one.passMs;
    if (one.ok) analysis.recordSuccess(one.device, 8);
    else analysis.recordError({ ...one.error, atMs });
  }
  return atMs;
}

describe('whatever happened', () => {
  const options: ErrorAnalysisOptions = { maxRegions: 3 };

  it('another error never raises the score, nor does it better the verdict', () => {
    const order = ['failing', 'watch', 'good'];
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), anyError, fc.nat(2 * day), (events, next, laterMs) => {
        const [before, after] = [new ErrorAnalysis(options), new ErrorAnalysis(options)];
        const last = feed(before, events);
        feed(after, events);
        after.recordError({ ...next, atMs: last + Math.floor(laterMs / 2) });
        const [a, b] = [before.analyse(last + laterMs), after.analyse(last + laterMs)];
        expect(b.score).toBeLessThanOrEqual(a.score);
        expect(order.indexOf(b.verdict)).toBeLessThanOrEqual(order.indexOf(a.verdict));
        expect(b.main.longestRun + b.spare.longestRun).toBeGreaterThanOrEqual(
          a.main.longestRun + a.spare.longestRun,
        );
      }),
    );
  });

  it('time alone never lowers it', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat(3 * day), (events, laterMs) => {
        const [before, after] = [new ErrorAnalysis(options), new ErrorAnalysis(options)];
        const last = feed(before, events);
        feed(after, events);
        expect(after.analyse(last + laterMs).score).toBeGreaterThanOrEqual(before.analyse(last).score);
      }),
    );
  });

  it('an analysis changes nothing: the same question has the same answer', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const analysis = new ErrorAnalysis(options);
        const last = feed(analysis, events);
        expect(analysis.analyse(last)).toEqual(analysis.analyse(last));
      }),
    );
  });

  it('the runs are those that a list of all that happened shows', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const analysis = new ErrorAnalysis();
        const found = analysis.analyse(feed(analysis, events));
        for (const name of ['main', 'spare'] as const) {
          const own = events.filter((one) => (one.ok ? one.device : one.error.device) === name);
          const runs = own
            .map(({ ok }) => (ok ? '+' : '-'))
            .join('')
            .split('+')
            .map((run) => run.length);
          expect(found[name]).toMatchObject({
            run: runs.at(-1),
            longestRun: Math.max(...runs),
            totalErrors: own.filter(({ ok }) => !ok).length,
          });
        }
      }),
    );
  });
});

describe('the window', () => {
  it('forgets what is older, and what it still counts is younger', () => {
    const analysis = new ErrorAnalysis({ windowMs: 96_000 });
    for (let second = 0; second < 300; second++) {
      analysis.recordError(error(second * 10_000, { atMs: second * 1000 }));
      const counted = analysis.analyse(second * 1000).main.readErrors;
      expect(counted).toBe(Math.min(second + 1, 96));
    }
    analysis.recordSuccess('main', 1);
    expect(analysis.analyse(299_000 + 96_000)).toMatchObject({ verdict: 'good', score: 100, hotSpots: [] });
    expect(analysis.analyse(1e12).main.totalErrors).toBe(300);
  });

  it('keeps a run however old it is: nothing has succeeded since', () => {
    const analysis = new ErrorAnalysis();
    for (let at = 0; at < 10; at++)
      analysis.recordError(error(at * 1_000_000, { device: 'spare', kind: 'write' }));
    const found = analysis.analyse(30 * day);
    expect(found).toMatchObject({ verdict: 'failing', score: 60, spare: { run: 10, writeErrors: 0 } });
    expect(found.reasons).toEqual([expect.stringMatching(/^spare: 10 errors in a row/)]);
    analysis.recordSuccess('main', 8);
    expect(analysis.analyse(30 * day).verdict).toBe('failing');
    analysis.recordSuccess('spare', 8);
    expect(analysis.analyse(30 * day)).toMatchObject({ verdict: 'good', spare: { run: 0, longestRun: 10 } });
  });

  it('tells the share of sectors that failed', () => {
    const analysis = new ErrorAnalysis();
    expect(analysis.analyse(0).main.errorRate).toBe(0);
    analysis.recordSuccess('main', 96);
    analysis.recordError(error(5, { count: 32 }));
    expect(analysis.analyse(0).main).toMatchObject({ failedSectors: 32, goodSectors: 96, errorRate: 0.25 });
    expect(analysis.analyse(2 * day).main).toMatchObject({ failedSectors: 0, goodSectors: 0, errorRate: 0 });
  });

  it('takes a time that goes back as now', () => {
    const analysis = new ErrorAnalysis();
    analysis.recordError(error(5, { atMs: 10 * day }));
    analysis.recordError(error(900_000, { atMs: 1 }));
    expect(analysis.analyse(0).main.readErrors).toBe(2);
    expect(analysis.analyse(10.9 * day).main.readErrors).toBe(2);
  });
});

describe('hot spots', () => {
  it('are errors that lie close to each other, counted, with where they begin and end', () => {
    const analysis = new ErrorAnalysis({ gapSectors: 100 });
    for (const at of [5000, 5101, 5202, 9000, 9101, 20_000]) analysis.recordError(error(at));
    for (const at of [70, 60, 50, 40])
      analysis.recordError(error(at, { device: 'spare', kind: 'write', count: 8 }));
    const found = analysis.analyse(0);
    expect(found.hotSpots).toEqual([
      { device: 'spare', first: 40n, last: 77n, spanSectors: 38n, errors: 4 },
      { device: 'main', first: 5000n, last: 5202n, spanSectors: 203n, errors: 3 },
    ]);
    expect(found.reasons).toEqual([
      'main: 6 failed reads and 0 failed writes within 24 hours, where 20 are the mark of a failing disk',
      'main: 6 errors in a row and no success since, where 10 are the mark of a failing disk',
      'spare: 0 failed reads and 4 failed writes within 24 hours, where 20 are the mark of a failing disk',
      'spare: a hot spot of 4 errors between sectors 40 and 77',
      'main: a hot spot of 3 errors between sectors 5000 and 5202',
    ]);
  });

  it('are remembered while there are errors in them, and forgotten a window after the last', () => {
    const analysis = new ErrorAnalysis();
    for (const days of [0, 0.9, 1.8]) analysis.recordError(error(5000, { atMs: days * day }));
    expect(analysis.analyse(2.7 * day).hotSpots).toMatchObject([{ errors: 3 }]);
    expect(analysis.analyse(3 * day).hotSpots).toEqual([]);
  });

  it('one sector further apart they are none', () => {
    const analysis = new ErrorAnalysis({ gapSectors: 100 });
    for (const at of [5000, 5102, 5204]) analysis.recordError(error(at));
    expect(analysis.analyse(0).hotSpots).toEqual([]);
  });

  it('grow together where an error bridges them', () => {
    const analysis = new ErrorAnalysis({ gapSectors: 100 });
    for (const at of [0, 150, 300]) analysis.recordError(error(at));
    expect(analysis.analyse(0).hotSpots).toEqual([]);
    analysis.recordError(error(75, { count: 150 }));
    expect(analysis.analyse(0).hotSpots).toMatchObject([{ first: 0n, last: 300n, errors: 4 }]);
  });

  it('are those of a plain grouping of all errors, in any order', () => {
    const gap = 50n;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.bigInt(0n, 4000n), fc.integer({ min: 1, max: 40 })), { maxLength: 60 }),
        (places) => {
          const analysis = new ErrorAnalysis({
            gapSectors: Number(gap),
            maxRegions: 1024,
            thresholds: { hotSpotErrors: 1 },
          });
          for (const [at, count] of places) analysis.recordError(error(at, { count }));
          const plain: { first: bigint; last: bigint; errors: number }[] = [];
          for (const [at, count] of [...places].sort(([a], [b]) => Number(a - b))) {
            const last = at + BigInt(count) - 1n;
            const region = plain.at(-1);
            if (region === undefined || at - region.last - 1n > gap)
              plain.push({ first: at, last, errors: 1 });
            else {
              region.last = last > region.last ? last : region.last;
              region.errors++;
            }
          }
          const found = analysis
            .analyse(0)
            .hotSpots.map(({ first, last, errors }) => ({ first, last, errors }));
          expect(found.sort((a, b) => Number(a.first - b.first))).toEqual(plain);
        },
      ),
    );
  });

  it('of a disk that fails everywhere are no more than so many, and none of its errors is lost', () => {
    const analysis = new ErrorAnalysis({ thresholds: { hotSpotErrors: 1 } });
    const errors = 20_000;
    for (let at = 0; at < errors; at++) {
      // Everywhere in 64 bits, in an order that jumps about.
      analysis.recordError(error((BigInt(at * 7919) * 0x9e37_79b9_7f4a_7c15n) & u64Max));
    }
    const { hotSpots, score, verdict } = analysis.analyse(0);
    expect(hotSpots.length).toBeLessThanOrEqual(32);
    expect(hotSpots.reduce((all, spot) => all + spot.errors, 0)).toBe(errors);
    const bySector = [...hotSpots].sort((a, b) => (a.first < b.first ? -1 : 1));
    bySector.forEach((spot, at) => {
      expect(spot.first <= spot.last && spot.first > (bySector[at - 1]?.last ?? -1n)).toBe(true);
    });
    expect([score, verdict]).toEqual([0, 'failing']);
  });

  it('where there are too many are joined where they lie closest', () => {
    const analysis = new ErrorAnalysis({ gapSectors: 0, maxRegions: 3, thresholds: { hotSpotErrors: 1 } });
    for (const at of [0, 1000, 1900, 5000]) analysis.recordError(error(at));
    expect(analysis.analyse(0).hotSpots.map(({ first, last }) => [first, last])).toEqual([
      [1000n, 1900n],
      [0n, 0n],
      [5000n, 5000n],
    ]);
  });

  it('reach to the last sector that a number can name', () => {
    const analysis = new ErrorAnalysis({ thresholds: { hotSpotErrors: 1 } });
    analysis.recordError(error(u64Max));
    analysis.recordError(error(0n, { device: 'spare' }));
    expect(analysis.analyse(0).hotSpots.map(({ first }) => first)).toEqual([u64Max, 0n]);
  });
});

it.each([
  [{ windowMs: 999 }, 'ERR_OUT_OF_RANGE'],
  [{ windowMs: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
  [{ windowMs: '1 day' }, 'ERR_INVALID_ARG_TYPE'],
  [{ gapSectors: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ gapSectors: 1.5 }, 'ERR_OUT_OF_RANGE'],
  [{ maxRegions: 0 }, 'ERR_OUT_OF_RANGE'],
  [{ maxRegions: 1025 }, 'ERR_OUT_OF_RANGE'],
  [{ thresholds: { failingErrors: 0 } }, 'ERR_OUT_OF_RANGE'],
  [{ thresholds: { failingRun: '3' } }, 'ERR_INVALID_ARG_TYPE'],
  [{ thresholds: { watchErrors: 30 } }, 'ERR_OUT_OF_RANGE'],
  [{ thresholds: { watchRun: 11 } }, 'ERR_OUT_OF_RANGE'],
])('options %j are refused with %s', (options, code) => {
  expect(() => new ErrorAnalysis(options as never)).toThrow(expect.objectContaining({ code }));
});

it.each([
  [{ device: 'third' }, 'ERR_INVALID_ARG_VALUE'],
  [{ kind: 'flush' }, 'ERR_INVALID_ARG_VALUE'],
  [{ sector: 5 }, 'ERR_INVALID_ARG_TYPE'],
  [{ sector: -1n }, 'ERR_OUT_OF_RANGE'],
  [{ sector: u64Max, count: 2 }, 'ERR_OUT_OF_RANGE'],
  [{ count: 0 }, 'ERR_OUT_OF_RANGE'],
  [{ count: 1n }, 'ERR_INVALID_ARG_TYPE'],
  [{ atMs: Number.NaN }, 'ERR_OUT_OF_RANGE'],
  [{ atMs: -1 }, 'ERR_OUT_OF_RANGE'],
  [{ atMs: Number.POSITIVE_INFINITY }, 'ERR_OUT_OF_RANGE'],
  [{ atMs: '0' }, 'ERR_INVALID_ARG_TYPE'],
])('an error with %o is refused with %s, and counts nothing', (wrong, code) => {
  const analysis = new ErrorAnalysis();
  expect(() => analysis.recordError({ ...error(1), ...wrong } as never)).toThrow(
    expect.objectContaining({ code }),
  );
  expect(analysis.analyse(0)).toMatchObject({ verdict: 'good', score: 100 });
});
