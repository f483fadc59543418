// The scripts of bench/, run as a user runs them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { tagsOf } from '../support/svg.js';

const root = join(import.meta.dirname, '../..');

/** What of a result the tests look into. */
export interface Spread {
  readonly values: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
}
export interface Ratio extends Spread {
  readonly of: string;
  readonly to: string;
  readonly measure: string;
}
export interface Group {
  readonly name: string;
  readonly title: string;
  readonly rounds: number;
  readonly sides: readonly { readonly name: string; readonly measures: Readonly<Record<string, Spread>> }[];
  readonly ratios: readonly Ratio[];
}
export interface Goal {
  readonly what: string;
  readonly group: string;
  readonly of: string;
  readonly measure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly met: boolean;
  /** Of a ratio. */
  readonly to?: string;
  readonly median?: number;
  /** Of one side. */
  readonly statistic?: 'median' | 'max';
  readonly value?: number;
}
/** What of a benchmark's own definition says what is drawn. */
interface Plot {
  readonly name: string;
  readonly groups: RegExp;
  readonly sides?: readonly string[];
}
export interface Result {
  readonly engine: string | null;
  readonly path: string | null;
  readonly quick: boolean;
  readonly benchmarks: readonly {
    readonly name: string;
    readonly groups: readonly Group[];
    readonly goals: readonly Goal[];
  }[];
  readonly failures: readonly { readonly benchmark: string; readonly message: string }[];
  readonly verdict: string;
}

/** @param script relative to the root. @param env beside that of this process, as `runScript()` has it too. */
export const startScript = (script: string, argv: readonly string[], cwd: string, env = {}) =>
  spawn(process.execPath, [join(root, script), ...argv], {
    cwd,
    env: { ...process.env, TMPDIR: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** Runs it to its end. */
export async function runScript(script: string, argv: readonly string[], cwd: string, env = {}) {
  const child = startScript(script, argv, cwd, env);
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await closed;
  return { status, stdout, stderr, lastLine: stdout.trimEnd().split('\n').at(-1) };
}

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });
const validate = ajv.compile(JSON.parse(readFileSync(join(root, 'docs/bench.schema.json'), 'utf8')));

/** The results in a file, proven against their schema. */
export function resultIn(path: string): Result {
  const document = JSON.parse(readFileSync(path, 'utf8'));
  expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  return document;
}

/** The middle one of three, or whatever the number is: by a way of its own. */
const middle = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const half = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(half)] as number) + (sorted[Math.ceil(half)] as number)) / 2;
};

/**
 * Runs one script with --quick, --json and --plot, and holds all that it gives out against each other: the table, the document, the
 * plots. What the figures are is nobody's promise.
 */
export async function expectWhole(name: string, folder: string, env = {}): Promise<Result> {
  const file = join(folder, 'result.json');
  const ran = await runScript(`bench/${name}.mjs`, ['--quick', '--json', file, '--plot'], folder, env);
  expect(ran, ran.stderr).toMatchObject({ status: 0 });
  const result = resultIn(file);
  expect(result).toMatchObject({ quick: true, path: null, failures: [], benchmarks: [{ name }] });
  const { groups, goals } = result.benchmarks[0] as Result['benchmarks'][number];

  for (const [at, group] of groups.entries()) {
    expect(ran.stderr).toContain(`bench: ${name} ${at + 1}/${groups.length}: ${group.title}\n`);
    expect(ran.stdout).toContain(`\n  ${group.title}\n`);
    for (const side of group.sides) {
      expect(ran.stdout).toContain(`\n    ${side.name}  `);
      for (const { values } of Object.values(side.measures)) expect(values.length).toBe(group.rounds);
    }
    for (const { of, to, measure, values, median, min, max } of group.ratios) {
      const samples = (name: string) =>
        group.sides.find((side) => side.name === name)?.measures[measure]?.values as readonly number[];
      expect(values).toEqual(samples(of).map((value, round) => value / (samples(to)[round] as number)));
      expect(median).toBeCloseTo(middle(values), 9);
      expect([min, max]).toEqual([Math.min(...values), Math.max(...values)]);
    }
  }
  for (const goal of goals) {
    const reached = reachedIn(groups, goal);
    expect(goal.median ?? goal.value).toBe(reached);
    expect(goal.met).toBe(reached >= (goal.atLeast ?? 0) && reached <= (goal.atMost ?? Infinity));
    expect(ran.stdout).toMatch(new RegExp(`\n  ${goal.what} .*${goal.met ? ' met' : 'NOT MET'}\n`));
  }
  expect(ran.lastLine).toBe(`bench: ${result.verdict}`);

  const module = await import(new URL(`../../bench/${name}.mjs`, import.meta.url).href);
  const plots = (module[name].plots as readonly Plot[]).filter((plot) => drawnOn(plot, groups).length > 0);
  expect(plots.length).toBeGreaterThan(0);
  const fileOf = (plot: Plot) => `bench-${name}-${plot.name}.svg`;
  for (const plot of plots) {
    expect(ran.stderr).toContain(`bench: wrote ${join(folder, fileOf(plot))}\n`);
    expectPlot(readFileSync(join(folder, fileOf(plot)), 'utf8'), plot, groups);
  }
  // Nothing is left behind but what was asked for.
  expect(readdirSync(folder).sort()).toEqual(['result.json', ...plots.map(fileOf)].sort());
  return result;
}

/** What a goal is about: a ratio, or one side. */
function reachedIn(groups: readonly Group[], { group, of, to, measure, statistic }: Goal): number {
  const { ratios, sides } = groups.find(({ name }) => name === group) as Group;
  const spread =
    to === undefined
      ? sides.find(({ name }) => name === of)?.measures[measure]
      : ratios.find((ratio) => ratio.of === of && ratio.to === to && ratio.measure === measure);
  return spread?.[statistic ?? 'median'] as number;
}

const drawnOn = ({ groups: wanted }: Plot, groups: readonly Group[]) =>
  groups.filter(({ name }) => wanted.test(name));

/** Well-formed, and with a bar and a name for each side that belongs on it, and of no other. */
function expectPlot(svg: string, plot: Plot, groups: readonly Group[]) {
  const has = (text: string) =>
    svg.includes(`>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}<`);
  const drawn = drawnOn(plot, groups);
  const measured = drawn.flatMap(({ sides }) => sides.map(({ name }) => name));
  const wanted = plot.sides ?? (drawn[0] as Group).sides.map(({ name }) => name);
  for (const { title, name } of groups) expect(has(title), title).toBe(plot.groups.test(name));
  for (const name of new Set(measured)) expect(has(name), name).toBe(wanted.includes(name));
  const bars = measured.filter((name) => wanted.includes(name)).length;
  expect(bars).toBeGreaterThan(0);
  // As many as there are colours.
  expect(new Set(wanted).size).toBeLessThanOrEqual(8);
  expect(tagsOf(svg).filter((tag) => tag === 'path').length).toBeGreaterThanOrEqual(bars);
}
