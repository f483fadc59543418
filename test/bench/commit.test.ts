// `node bench/commit.mjs`: the shape of what it says, never its speed; and that what it holds us against writes what we write.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, test } from 'vitest';
import { sector } from '../../lib/base/units.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { expectWhole, resultIn, runScript } from './harness.js';

const load = (name: string) => import(new URL(`../../bench/${name}`, import.meta.url).href);
const { oneChanged, specOf } = await load('commit.mjs');
const { phasesOf } = await load('sides/commit.mjs');
const { nativeProgram } = await load('frame/measured-program.mjs');

const folder = scratchFolder();
const other = scratchFolder();
const blockBytes = 4096;

test('commits are measured beside the same writes in C and beside whole copies, and shared ones beside one alone', async () => {
  const { benchmarks, engine } = await expectWhole('commit', folder);
  expect(engine).not.toBeNull();
  const { groups, goals } = benchmarks[0] as (typeof benchmarks)[number];
  const places = whyNoLoop() === undefined ? ['file', 'loop'] : ['file'];
  expect(groups.map(({ name }) => name)).toEqual(
    places.flatMap((place) => [`${place}-one-2048`, `${place}-entries`, `${place}-callers`]),
  );
  expect(goals.map(({ of, to, measure }) => [of, to, measure])).toEqual(
    places.flatMap(() => [
      ['dmremap', 'C on liburing', 'rate'],
      ['dmremap', 'five whole copies, fs.promises', 'rate'],
      ['2,048 entries', '100 entries', 'cpu'],
      ['64 callers', '1 caller', 'rate'],
    ]),
  );
  for (const { name, sides } of groups) {
    const written = Object.fromEntries(sides.map((side) => [side.name, side.measures.written]));
    if (name.endsWith('-one-2048')) {
      // The block of the header and that of the entry, to each of five copies.
      const blocks = { min: 5 * 2 * blockBytes, max: 5 * 2 * blockBytes };
      expect(written['C on liburing']).toMatchObject(blocks);
      expect(written.dmremap).toMatchObject(blocks);
      expect(written['five whole copies, fs.promises']?.min).toBe(5 * 21 * blockBytes);
    } else if (name.endsWith('-callers')) {
      // The first commit has one change, and the next one those of all who came meanwhile.
      expect(written['64 callers']?.max).toBeLessThan(written['1 caller']?.min as number);
    }
  }
}, 180_000);

/** The blocks that differ, rising. */
const changedBlocks = (before: Uint8Array, after: Uint8Array) =>
  Array.from({ length: after.length / blockBytes }, (_, block) => block).filter((block) => {
    const of = (bytes: Uint8Array) => bytes.subarray(block * blockBytes, (block + 1) * blockBytes);
    return !Buffer.from(of(before)).equals(of(after));
  });

describe('the program on liburing', () => {
  test.each(oneChanged as readonly { change: string; entries: number }[])(
    'is told the blocks and the phases of a commit of $entries entries',
    async (job) => {
      const ours = zeroFile(join(other, `ours-${job.entries}`), 2 ** 20);
      const sizes = { mainSectors: sector(2n ** 32n), spareSectors: sector(2n ** 24n) };
      await using store = await MetadataStore.create(ours, sizes);
      for (let number = 1; number < job.entries; number++) store.table.add(number);
      await store.commit();
      const before = readFileSync(ours);
      store.table.add(job.entries);
      await store.commit();
      const changed = changedBlocks(before, readFileSync(ours));

      const phases = (await phasesOf({ ...job, callers: 1 })) as { offset: number; length: number }[][];
      const copiesOf = (writes: typeof phases) =>
        writes.map((steps) => new Set(steps.map(({ offset }) => Math.floor(offset / 2 ** 17))).size);
      expect(copiesOf(phases)).toEqual([1, 2, 2]);
      // Behind 8 blocks, as behind the mark of a path that was named.
      const theirs = zeroFile(join(other, `theirs-${job.entries}`), 2 ** 21);
      const spec = specOf(phases, 8 * blockBytes);
      const said = JSON.parse(
        execFileSync(nativeProgram('phases'), [theirs, '1', spec], { encoding: 'utf8' }),
      );
      expect(changedBlocks(new Uint8Array(2 ** 21), readFileSync(theirs))).toEqual(
        changed.map((block) => 8 + block),
      );
      expect(said.written).toBe(changed.length * blockBytes);
    },
  );

  test.each([
    [''],
    ['0'],
    ['0:4096,'],
    ['0:4096/'],
    ['0:4096/4096'],
    ['0:x'],
    ['-1:4096'],
    ['0:131073'],
    ['0:100'],
  ])('refuses %j', (spec) => {
    const file = zeroFile(join(other, 'refused'), 2 ** 20);
    const run = () => execFileSync(nativeProgram('phases'), [file, '1', spec], { stdio: 'ignore' });
    expect(run).toThrow(/Command failed/);
    expect(readFileSync(file).equals(Buffer.alloc(2 ** 20))).toBe(true);
  });
});

describe('--path', () => {
  const run = (path: string, ...more: string[]) =>
    runScript('bench/commit.mjs', ['--quick', '--path', path, ...more], other);

  it('measures on an empty file, and leaves it empty', async () => {
    const [path, json] = [join(other, 'empty'), join(other, 'empty.json')];
    writeFileSync(path, '');
    const ran = await run(path, '--json', json);
    expect(ran, ran.stderr).toMatchObject({ status: 0 });
    const result = resultIn(json);
    expect(result.path).toBe(path);
    expect(result.benchmarks[0]?.groups.map(({ name }) => name)).toEqual([
      'path-one-2048',
      'path-entries',
      'path-callers',
    ]);
    expect(statSync(path).size).toBe(0);
  }, 180_000);

  it('makes a file that is not there, and takes it away again', async () => {
    const path = join(other, 'new');
    const ran = await run(path);
    expect(ran, ran.stderr).toMatchObject({ status: 0 });
    expect(existsSync(path)).toBe(false);
  }, 180_000);

  it('leaves a mark where a run is killed, so that the next one goes on there', async () => {
    const path = join(other, 'killed');
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../bench/commit.mjs'), '--path', path],
      { cwd: other, env: { ...process.env, TMPDIR: other }, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    for await (const line of createInterface(child.stderr)) if (line.includes(' 2/')) break;
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(readFileSync(path).subarray(0, 14).toString()).toBe('dmremap bench:');
    // What the run has started ends with it, and lets go of the file then.
    execFileSync('flock', [path, 'true']);
    const ran = await run(path);
    expect(ran, ran.stderr).toMatchObject({ status: 0 });
    expect(readFileSync(path).subarray(0, 14).toString()).toBe('dmremap bench:');
  }, 180_000);

  it.each([0, 2 ** 20, 2 ** 23 - 1])('refuses a file with something in it, at %i', async (at) => {
    const bytes = Buffer.alloc(2 ** 23);
    bytes[at] = 1;
    const path = join(other, 'full');
    writeFileSync(path, bytes);
    const ran = await run(path);
    expect(ran).toMatchObject({ status: 1, lastLine: 'bench: FAILED: could not be measured: commit' });
    expect(ran.stderr).toContain(`${path} is not empty`);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});
