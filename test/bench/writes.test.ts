// `node bench/writes.mjs`: the shape of what it says, with fio and without. Never its speed.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { whyNo } from '../stuck/reasons.js';
import { scratchFolder } from '../support/scratch.js';
import { expectWhole } from './harness.js';

const folder = scratchFolder();
const other = scratchFolder();
/** To find no program in. */
const nothing = join(scratchFolder(), 'bin');
const places = ['file', ...(whyNo('memoryLoop') === undefined ? ['loop'] : [])];

const ours = ['io_uring', 'libaio', 'threads'];
const nodes = [
  ...['fs.promises', 'fs.promises, pool of 64'],
  ...['fs.write', 'fs.write, pool of 64', 'fs.write, UV_USE_IO_URING=1'],
];
/** What is measured at a depth. Where it is 1, what blocks is beside it. */
const sidesAt = (depth: number, hasFio: boolean) => [
  ...ours,
  ...nodes,
  ...(depth === 1 ? ['fs.writeSync'] : []),
  ...(hasFio
    ? ['io_uring', 'libaio', ...(depth === 1 ? ['psync'] : [])].map((engine) => `fio ${engine}`)
    : []),
  'C on liburing',
];

async function expectMeasured(folder: string, hasFio: boolean, env = {}) {
  const { benchmarks, engine } = await expectWhole('writes', folder, env);
  expect(engine).not.toBeNull();
  const { groups, goals } = benchmarks[0] as (typeof benchmarks)[number];
  expect(groups.map(({ name, sides }) => [name, ...sides.map((side) => side.name)])).toEqual(
    places.flatMap((place) => [1, 32].map((depth) => [`${place}-dsync-${depth}`, ...sidesAt(depth, hasFio)])),
  );
  for (const { sides } of groups) {
    for (const { measures } of sides) {
      expect(Object.keys(measures)).toEqual(['rate', 'cpu', 'p50', 'p99', 'slowest']);
      measures.p50?.values.forEach((p50, round) => {
        expect(p50).toBeLessThanOrEqual(measures.p99?.values[round] as number);
        expect(measures.p99?.values[round]).toBeLessThanOrEqual(measures.slowest?.values[round] as number);
      });
    }
  }
  // Ours is held against the limit, and against fio where it is.
  const against = new Set(goals.map(({ of, to }) => `${of} : ${to}`));
  const loops = places.includes('loop');
  expect([...against].sort()).toEqual(
    ['C on liburing', ...(loops && hasFio ? ['fio io_uring'] : []), ...(loops ? ['fs.promises'] : [])].map(
      (to) => `io_uring : ${to}`,
    ),
  );
}

const noFio = spawnSync('fio', ['--version']).status === 0 ? undefined : 'fio is not installed';
test.skipIf(noFio !== undefined)(
  noFio ?? 'ours, what Node.js has, fio and a program on liburing alone are measured',
  () => expectMeasured(folder, true),
  180_000,
);

test('without fio the others are measured', async () => {
  mkdirSync(nothing);
  await expectMeasured(other, false, { PATH: nothing });
}, 180_000);
