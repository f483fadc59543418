// The frame of the benchmarks: whose turn it is, and what it refuses to call a result.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { scratchFolder } from '../support/scratch.js';
import { tagsOf } from '../support/svg.js';
import { resultIn, runScript } from './harness.js';

const load = (name: string) => import(new URL(`../../bench/frame/${name}`, import.meta.url).href);
const { measureGroup } = await load('rounds.mjs');
const { sideProcess } = await load('side-process.mjs');
const folder = scratchFolder();

describe('the sides of a group', () => {
  const length = { rounds: 3 };

  /** Sides that write down what is done to them. */
  const recorded = (log: string[], broken: Readonly<Record<string, () => never>> = {}) =>
    ['A', 'B'].map((name) => {
      const step = (what: string, value: unknown) => async () => {
        log.push(`${name} ${what}`);
        broken[`${name} ${what}`]?.();
        return value;
      };
      const side = {
        warm: step('warm', 'answer'),
        round: step('round', { time: 1 }),
        stop: step('stop', undefined),
      };
      return { name, start: step('start', side) };
    });

  it('are warmed up, and then have turns: A B A B', async () => {
    const log: string[] = [];
    const samples = await measureGroup({ sides: recorded(log) }, length);
    expect(samples).toEqual([Array(3).fill({ time: 1 }), Array(3).fill({ time: 1 })]);
    expect(log).toEqual([
      ...['A start', 'B start', 'A warm', 'B warm'],
      ...['A round', 'B round', 'A round', 'B round', 'A round', 'B round'],
      ...['A stop', 'B stop'],
    ]);
  });

  test.each(['start', 'warm', 'round'])(
    'are all stopped where one fails at its %s, and it is named',
    async (step) => {
      const log: string[] = [];
      const fail = () => {
        throw new Error('out of order');
      };
      const measuring = measureGroup({ sides: recorded(log, { [`B ${step}`]: fail }) }, length);
      await expect(measuring).rejects.toThrow(/^B: out of order$/);
      expect(log.filter((what) => what.endsWith('stop'))).toEqual(
        step === 'start' ? ['A stop'] : ['A stop', 'B stop'],
      );
    },
  );
});

describe('a side in a process of its own', () => {
  const module = new URL('../fixtures/bench-sides.mjs', import.meta.url).href;
  const length = { rounds: 3, roundMs: 1, warmUpMs: 1 };
  const side = (name: string, parameters = {}) => ({
    name,
    start: () => sideProcess(module, name, parameters, length),
  });

  it('is measured', async () => {
    const [samples] = await measureGroup({ sides: [side('steady')] }, length);
    expect(samples).toHaveLength(3);
    for (const { time, cpu, rate } of samples) {
      expect(time).toBeGreaterThan(0);
      expect(cpu).toBeGreaterThan(0);
      expect(rate * time).toBeCloseTo(1e9, -1);
    }
  });

  test.each([
    ['not made', /^not made: its process ended with 1: RangeError: there is no such table$/],
    [
      'not steady',
      /^not steady: its process ended with 1: Error: a pass came to something else than the first$/,
    ],
    ['killed', /^killed: its process ended with SIGKILL$/],
  ])('is no result where it is %s', async (name, message) => {
    await expect(measureGroup({ sides: [side('steady'), side(name)] }, length)).rejects.toThrow(message);
  });

  it('is no result where those that do the same work come to different answers', async () => {
    const alike = (answer: string) =>
      measureGroup({ alike: true, sides: [side('steady'), side('steady too', { answer })] }, length);
    await expect(alike('other')).rejects.toThrow(/^steady too: its answer is not that of steady$/);
    await expect(alike('same')).resolves.toHaveLength(2);
  });
});

describe('a script', () => {
  const run = (...argv: string[]) => runScript('test/fixtures/bench-script.mjs', argv, folder);

  it('ends with 0 where a goal is not met: that is a result', async () => {
    const ran = await run('sound', '--quick', '--plot');
    expect(ran).toMatchObject({
      status: 0,
      lastLine: 'bench: measured; 0 of 1 goals met; too short to judge by',
    });
    expect(ran.stdout).toMatch(/what nothing can meet .*NOT MET\n/);
    const [plot] = readdirSync(folder).filter((name) => name.endsWith('.svg'));
    expect(plot).toBe('bench-sound-one.svg');
    const svg = readFileSync(join(folder, plot as string), 'utf8');
    expect(tagsOf(svg)).toContain('text');
    expect(svg).toContain('One &amp; &lt;only&gt;');
  });

  it('ends with 1 where something could not be measured, and tells the rest all the same', async () => {
    const file = join(folder, 'failed.json');
    const ran = await run('broken', 'sound', '--quick', '--json', file);
    expect(ran).toMatchObject({ status: 1, lastLine: 'bench: FAILED: could not be measured: broken' });
    expect(ran.stderr).toContain('bench: broken could not be measured: not steady: ');
    expect(resultIn(file)).toMatchObject({
      benchmarks: [{ name: 'sound' }],
      failures: [{ benchmark: 'broken', message: expect.stringContaining('not steady') }],
    });
  });

  it('has the path that was named in its result', async () => {
    const file = join(folder, 'path.json');
    const ran = await run('on-a-path', '--quick', '--json', file, '--path', '/dev/null');
    expect(ran).toMatchObject({ status: 0 });
    expect(resultIn(file).path).toBe('/dev/null');
    expect(ran.stdout).toMatch(/\n {2}path +\/dev\/null\n/);
  });

  test.each([
    [['no-such'], "there is no benchmark 'no-such', only sound, broken, on-a-path"],
    [['\u001b[31mred'], "there is no benchmark '?[31mred', only sound, broken, on-a-path"],
    [['constructor'], "there is no benchmark 'constructor', only"],
    [['--\u001b[31m'], "Unknown option '--?[31m'"],
    [['--fast'], "Unknown option '--fast'"],
    [['--json'], "Option '--json <value>' argument missing"],
    [['--json='], 'an empty path names nothing'],
    [['--quick=no'], "Option '--quick' does not take an argument"],
    [
      ['--json', '/no/\u001b[31m/result.json'],
      "--json: ENOENT: no such file or directory, access '/no/?[31m'",
    ],
    [['--json', '/no/such/folder/result.json'], '--json: ENOENT'],
    [['sound', 'broken', '--path', '/dev/null'], '--path: sound, broken need no device'],
  ])('refuses %j before anything is measured', async (argv, message) => {
    const ran = await run(...argv);
    expect(ran).toMatchObject({ status: 16, stdout: '' });
    expect(ran.stderr).toContain(`bench: ${message}`);
    expect(ran.stderr.trimEnd()).not.toContain('\n');
    expect(ran.stderr).not.toContain('\u001b');
  });

  it('says what it can be told', async () => {
    const ran = await run('--help');
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    for (const word of ['sound', 'broken', '--json FILE', '--plot', '--path PATH', '--quick']) {
      expect(ran.stdout).toContain(word);
    }
    for (const line of ran.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });
});
