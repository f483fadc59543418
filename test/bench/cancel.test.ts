// `node bench/cancel.mjs`: the shape of what it says, and that it would notice an abort that waits for its device. Never how long it takes.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { describe, expect, it, test } from 'vitest';
import { whyNo } from '../stuck/reasons.js';
import { scratchFolder } from '../support/scratch.js';
import { expectWhole, startScript } from './harness.js';

const load = (name: string) => import(new URL(`../../${name}`, import.meta.url).href);
const folder = scratchFolder();
const other = scratchFolder();

const no = whyNo('stuckLoop');
describe.skipIf(no !== undefined)(no ?? 'aborts of writes that hang', () => {
  it('are measured on each engine, beside fs.promises and the two ways to remove that were not taken', async () => {
    const { benchmarks } = await expectWhole('cancel', folder);
    const { groups, goals } = benchmarks[0] as (typeof benchmarks)[number];
    const ours = ['io_uring', 'libaio', 'threads'];
    expect(groups.map(({ name, sides }) => [name, ...sides.map((side) => side.name)])).toEqual([
      [
        ...['loop-together-32', ...ours],
        ...['fs.promises, a signal', 'blocking, leaks', 'blocking, forced after 2 s'],
      ],
      ['loop-each-32', ...ours],
    ]);
    for (const { measures } of groups.flatMap(({ sides }) => sides)) {
      expect(Object.keys(measures)).toEqual(['p50', 'p99', 'slowest', 'delay', 'exit']);
      measures.p50?.values.forEach((p50, round) => {
        const [p99, slowest] = [measures.p99, measures.slowest].map(
          (spread) => spread?.values[round] as number,
        );
        expect(p50).toBeLessThanOrEqual(p99 as number);
        expect(p99).toBeLessThanOrEqual(slowest as number);
      });
    }
    expect(
      goals.map(({ group, of, measure, statistic, atMost }) => [group, of, measure, statistic, atMost]),
    ).toEqual(
      groups.flatMap(({ name }) => [
        [name, 'io_uring', 'p99', 'median', 1e6],
        [name, 'io_uring', 'slowest', 'max', 20e6],
      ]),
    );
  }, 180_000);

  describe('told by the device, which answers nobody', async () => {
    const { hangingDevices } = await load('bench/cancel/devices.mjs');
    const { cancelSide } = await load('bench/cancel/side.mjs');
    const { loadFixtures } = await load('scripts/lib/fixtures.mjs');
    const [loop] = hangingDevices(await loadFixtures());
    const hundred = { operations: 100, depth: 64, boundMs: 50, deadlineMs: 1000 };
    const round = (job: object, side: object) => cancelSide(loop, { ...hundred, ...job }, side).round();

    test.each(
      ['io_uring', 'libaio', 'threads'].flatMap((code) => [
        ['in one turn', code, true] as const,
        ['one by one', code, false] as const,
      ]),
    )('aborts %s settle with %s', async (_, code, together) => {
      const sample = await round({ together }, { code, stays: code !== 'io_uring' });
      for (const value of Object.values(sample)) expect(value).toBeGreaterThan(0);
    });

    test.each([
      ['an abort', 'fs.promises'],
      ['its exit', 'libaio'],
      ['its exit', 'threads'],
    ])('%s that waits is no result: %s', async (what, code) => {
      const waiting = round({ together: true, patienceMs: 200 }, { code });
      await expect(waiting).rejects.toThrow(new RegExp(`^${what} waits for the device$`));
    });
  });

  it('leave nothing behind when they are interrupted', async () => {
    const child = startScript('bench/cancel.mjs', ['--quick'], other);
    const ended = once(child, 'close');
    child.stdout.resume();
    for await (const line of createInterface(child.stderr)) if (line.startsWith('bench: cancel 1/')) break;
    // Not before a device is there, to be left behind.
    await expect.poll(() => leftIn(other)).toContainEqual(expect.stringContaining('sides/cancel.mjs'));
    child.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    await expect.poll(() => leftIn(other), { timeout: 30_000 }).toEqual([]);
  });
});

/** Processes, mounts and files of whoever has this folder for what is temporary. */
function leftIn(folder: string): string[] {
  const maybe = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return ''; // It has gone meanwhile.
    }
  };
  const processes = readdirSync('/proc')
    .filter(
      (pid) => /^\d+$/.test(pid) && maybe(`/proc/${pid}/environ`).split('\0').includes(`TMPDIR=${folder}`),
    )
    .map((pid) => maybe(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
  const mounts = maybe('/proc/mounts').split('\n');
  const loops = readdirSync('/sys/block').map((name) => maybe(`/sys/block/${name}/loop/backing_file`));
  const named = [...mounts, ...loops].filter((text) => text.includes(folder));
  return [...processes, ...named, ...readdirSync(folder)];
}
