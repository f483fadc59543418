// Room: bench, pure part. From samples to what is told: docs/bench.schema.json says what each part means.
import { meets, ratiosOf, spreadOf } from './statistics.mjs';

/** What a sample can hold, in the order in which it is shown. All but `rate` are better when they are less. */
export const measures = {
  time: { title: 'time', unit: 'ns' },
  cpu: { title: 'CPU', unit: 'ns' },
  rate: { title: 'a second', unit: '1/s' },
  memory: { title: 'max RSS', unit: 'bytes' },
};

/**
 * A group of sides that was measured.
 * @param group its `ratios`: `{ of, to, measure }` by the names of sides; `goal` where there is one.
 * @param samples by side and round.
 */
export function groupResult({ name, title, sides, ratios }, samples) {
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
          return [measure, { unit: measures[measure].unit, values, ...spreadOf(values) }];
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

/** The goals of a group, and whether they are met. */
export function goalsOf(group, { ratios }) {
  return group.ratios.flatMap(({ of, to, measure, goal }, at) => {
    if (goal === undefined) return [];
    const { median } = ratios[at];
    return [{ group: group.name, of, to, measure, ...goal, median, met: meets(goal, median) }];
  });
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
