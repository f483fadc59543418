// `node bench/table.mjs`: the shape of what it says, never its speed.
import { expect, test } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { expectWhole } from './harness.js';

const folder = scratchFolder();

test('lookups and splits are measured beside Map<bigint> and a sorted array, and the goal is told for each kind', async () => {
  const { benchmarks, engine } = await expectWhole('table', folder);
  expect(engine).toBeNull();
  const { groups, goals } = benchmarks[0] as (typeof benchmarks)[number];
  expect(groups.map(({ name }) => name)).toEqual([
    ...['0-miss', '100-hit', '100-miss', '2048-hit', '2048-miss'].map((name) => `lookup-${name}`),
    ...[8, 256].flatMap((sectors) => [0, 100, 2048].map((entries) => `split-${entries}-${sectors}`)),
  ]);
  for (const { sides } of groups) {
    const names = sides.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['number', 'bigint', 'Map<bigint>', 'sorted array']));
  }
  expect(goals.map(({ group, of, to, atLeast }) => [group, of, to, atLeast])).toEqual(
    ['hit', 'miss'].flatMap((answer) =>
      ['number', 'bigint'].map((kind) => [`lookup-2048-${answer}`, kind, 'Map<bigint>', 3]),
    ),
  );
}, 180_000);
