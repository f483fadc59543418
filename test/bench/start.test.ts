// `node bench/start.mjs`: the shape of what it says, never its speed. And all of them, by their names.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { expectWhole, resultIn, runScript } from './harness.js';

const folder = scratchFolder();
const other = scratchFolder();

test('time, processor time and memory of a start are measured beside those of Node.js alone', async () => {
  const { benchmarks, engine } = await expectWhole('start', folder);
  await using device = await openDevice(zeroFile(join(other, 'any'), 4096), {
    mode: 'read',
    direct: 'prefer',
  });
  expect(engine).toBe(device.info.engine);
  const { groups, goals } = benchmarks[0] as (typeof benchmarks)[number];
  expect(groups.map(({ sides }) => sides.map(({ name }) => name))).toEqual([
    ['node -e 0', 'dmremap check', 'dmremap --version'],
  ]);
  expect(goals).toMatchObject([{ of: 'dmremap check', to: 'node -e 0', measure: 'time', atMost: 1.3 }]);
  for (const { measures } of groups[0]?.sides ?? []) {
    // Of the program itself, and not of whoever started it: no Node.js starts in less, and none of these needs ten times that.
    expect(measures.memory?.min).toBeGreaterThan(20 * 2 ** 20);
    expect(measures.memory?.max).toBeLessThan(200 * 2 ** 20);
  }
}, 180_000);

describe('npm run bench', () => {
  it('runs those that are named, in one result', async () => {
    const file = join(other, 'result.json');
    const ran = await runScript('bench/run.mjs', ['start', 'codec', '--quick', '--json', file], other);
    expect(ran, ran.stderr).toMatchObject({ status: 0 });
    expect(resultIn(file).benchmarks.map(({ name }) => name)).toEqual(['codec', 'start']);
  }, 180_000);

  it('names all there are where another is asked for', async () => {
    const { stdout } = await runScript('bench/run.mjs', ['--help'], other);
    const names = Array.from(stdout.matchAll(/^ {2}([a-z]+) {2,}\S/gm), ([, name]) => name);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    // Each has a script of its own.
    const scripts = readdirSync(join(import.meta.dirname, '../../bench')).filter((name) =>
      name.endsWith('.mjs'),
    );
    expect(names.toSorted()).toEqual(
      scripts
        .map((name) => name.replace('.mjs', ''))
        .filter((name) => name !== 'run')
        .sort(),
    );
    const ran = await runScript('bench/run.mjs', ['tables'], other);
    expect(ran).toMatchObject({ status: 16, stdout: '' });
    expect(ran.stderr).toBe(
      `bench: there is no benchmark 'tables', only ${names.join(', ')}; \`npm run bench -- --help\` says more\n`,
    );
  });
});
