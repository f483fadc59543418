// Room: bench, pure part. From samples to what is told: docs/bench.schema.json says what each part means.
import { meets, ratiosOf, spreadOf } from './statistics.mjs';

/** What a sample can hold, in the order in which it is shown. All but `rate` are better when they are less. */
export const measures = {
  time: { title: 'time', unit: 'ns' },
  cpu: { title: 'CPU', unit: 'ns' },
  rate: { title: 'a second', unit: '1/s' },
  p50: { title: 'p50', unit: 'ns' },
  p99: { title: 'p99', unit: 'ns' },
  slowest: { title: 'slowest', unit: 'ns' },
  written: { title: 'written', unit: 'bytes' },
  delay: { title: 'loop delay', unit: 'ns' },
  exit: { title: 'exit', unit: 'ns' },
  memory: { title: 'max RSS', unit: 'bytes' },
};

/**
 * A group of sides that was measured.
 * @param group its `ratios`: `{ of, to, measure }` by the names of sides.
 * @param samples by side and round.
 */
export function groupResult({ name, title, sides, ratios = [] }, samples) {
  const valuesOf = (at, measure) => samples[at].map((sample) => sample[measure]);
  const numberOf = (wanted) => sides.findIndex((side) => side.name === wanted);
  return {
    name,
    title,
    rounds: samples[0].length,
    sides: sides.map((side, at) => ({
      name: side.name,
      measures: Object.fromEntries(
        Object.keys(samples[at][0]).map((measure) => {
          const values = valuesOf(at, measure);
          return [measure, { unit: measures[measure].unit, values, ...named(side, measure, values) }];
        }),
      ),
    })),
    ratios: ratios.map(({ of, to, measure }) => ({
      of,
      to,
      measure,
      ...ratiosOf(valuesOf(numberOf(of), measure), valuesOf(numberOf(to), measure)),
    })),
  };
}

function named(side, measure, values) {
  try {
    return spreadOf(values);
  } catch (error) {
    throw new RangeError(`${side.name}, ${measures[measure].title}: ${error.message}`, { cause: error });
  }
}

/**
 * The goals of a group, and whether they are met.
 * @param group the `goal` of a ratio is held against its median; `bounds` are goals of one side alone, `{ of, measure, statistic, goal }`,
 *   held against the median or the greatest of its rounds.
 */
export function goalsOf({ name, ratios = [], bounds = [] }, result) {
  const ofRatios = ratios.flatMap(({ of, to, measure, goal }, at) => {
    if (goal === undefined) return [];
    const { median } = result.ratios[at];
    return [{ group: name, of, to, measure, ...goal, median, met: meets(goal, median) }];
  });
  const ofSides = bounds.map(({ of, measure, statistic, goal }) => {
    const side = result.sides.find((one) => one.name === of);
    const { unit, [statistic]: value } = side.measures[measure];
    return { group: name, of, measure, ...goal, statistic, unit, value, met: meets(goal, value) };
  });
  return [...ofRatios, ...ofSides];
}

/** The last line of a run, and its exit status: 1 where something could not be measured. A goal that is not met is a result. */
export function verdictOf({ benchmarks, failures, quick }) {
  if (failures.length > 0) {
    const names = failures.map(({ benchmark }) => benchmark).join(', ');
    return { exitStatus: 1, verdict: `FAILED: could not be measured: ${names}` };
  }
  const goals = benchmarks.flatMap((benchmark) => benchmark.goals);
  const met = goals.filter((goal) => goal.met).length;
  const told = goals.length === 0 ? 'measured; no goals' : `measured; ${met} of ${goals.length} goals met`;
  return { exitStatus: 0, verdict: quick ? `${told}; too short to judge by` : told };
}
