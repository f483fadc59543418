// `dmremap repair`: the plan that is carried out is the one that was shown, and the table is the one that was named.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawnNow } from '../support/disk.js';
import { folder, spare } from '../support/own-folder.js';
import { backupsIn, dmremap, documentOf, drawFile, goldenFile, stateOf } from './harness.js';

const draw = (disk: string, path = spare) => drawFile(path, disk);

const repair = (...argv: readonly string[]) => dmremap(folder, ['repair', ...argv, spare]);
const at = (seconds: bigint) => ({ now: () => (drawnNow + seconds) as never });

async function planOf(...argv: readonly string[]): Promise<string> {
  const document = documentOf((await repair('--json', ...argv)).stdout);
  return (document.plan as { id: string }).id;
}

const sequencesOf = async (path = spare) => {
  const { copies } = documentOf((await dmremap(folder, ['examine', '--json', path])).stdout) as {
    copies: { state: string; header: { sequence: string } }[];
  };
  return copies.map(({ state, header }) => (state === 'valid' ? header.sequence : 'x')).join(' ');
};

const original = async (path = spare) => {
  const { entries } = documentOf((await dmremap(folder, ['examine', '--json', path])).stdout) as {
    entries: { original: string }[];
  };
  return entries[0]?.original;
};

describe('--plan', () => {
  test.each([[[]], [['--use=copy=3']]])(
    'carries out what was shown, also an hour later (%j)',
    async (options) => {
      draw('7 x - 6 7');
      const shown = await repair(...options);
      const id = await planOf(...options);
      expect(shown.stdout).toContain(`\nplan ${id}\nnothing was written: --apply does it\n`);
      const argv = ['repair', '--apply', '--json', `--plan=${id}`, ...options, spare];
      const done = await dmremap(folder, argv, at(3600n));
      expect(done.status).toBe(1);
      expect(documentOf(done.stdout)).toMatchObject({ applied: true, plan: { id }, left: [] });
    },
  );

  test('writes what it said that it would', async () => {
    draw('7 x - 6 7');
    const { plan } = documentOf((await repair('--json')).stdout);
    const done = await repair('--apply', '--json');
    expect(documentOf(done.stdout).plan).toEqual(plan);
  });

  const changes: readonly [what: string, change: () => unknown, options: string[], seconds: bigint][] = [
    ['where one byte of a copy has changed', () => change(100), [], 0n],
    ['where one byte behind a structure has changed', () => change(131_071), [], 0n],
    ['where other options were given', () => {}, ['--use=copy=0'], 0n],
    ['where nothing is left to do', () => draw('7 7 7 7 7'), [], 0n],
    ['after more than a day', () => {}, [], 86_401n],
    ['that is still to come: somebody has set the clock', () => {}, [], -1n],
  ];
  test.each(changes)('is refused %s, and nothing is written', async (_, change, options, seconds) => {
    draw('7 x - 6 7');
    const id = await planOf();
    change();
    const before = stateOf(spare);
    const argv = ['repair', '--apply', `--plan=${id}`, ...options, spare];
    const refused = await dmremap(folder, argv, at(seconds));
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain('(ERR_PLAN_CHANGED)');
    expect(stateOf(spare)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  function change(offset: number): void {
    const bytes = readFileSync(spare);
    bytes[offset] = (bytes[offset] as number) ^ 1;
    writeFileSync(spare, bytes);
  }

  test('a change after the plan was made and before it is written is refused too', async () => {
    draw('7 x - 6 7');
    const onStderr = (text: string) => {
      if (text.startsWith('saved ')) change(3 * 131_072 + 131_071);
    };
    const refused = await dmremap(folder, ['repair', '--apply', spare], { onStderr });
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_PLAN_CHANGED)') });
    expect(refused.stderr).toMatch(/removed .*\n {2}nothing was written\n$|nothing was written\n$/);
    expect(await sequencesOf()).toBe('7 x x 6 7');
    expect(backupsIn(folder)).toEqual([]);
  });

  test.each([
    [['--plan=x', '--apply'], "bad value 'x' for --plan"],
    [[`--plan=1-${'0'.repeat(32)}`], "'--plan' goes with '--apply'"],
    [['--output='], '--output needs a value'],
    [['--output=x', '--apply'], 'exclude each other'],
    [['--use=copy=5'], "bad number '5'"],
    [['--use=seq=-1'], "bad number '-1'"],
    [['--use=file='], 'FILE of --use is empty'],
    [['--use=main=1'], "bad value 'main=1' for --use"],
    [['--use=copy=1', '--ignore-clock'], 'exclude each other'],
    [['--yes=other', '--use=file=x'], "--yes names 'other'"],
  ])('%j is a usage error', async (argv, says) => {
    draw('7 7 7 7 7');
    expect(await repair(...argv)).toMatchObject({ status: 16, stderr: expect.stringContaining(says) });
  });
});

describe('--output', () => {
  test('repairs into a new image of the metadata region, and leaves the spare alone', async () => {
    draw('7 x - 6 7');
    const before = stateOf(spare);
    const output = join(folder, 'new.img');
    const done = await repair(`--output=${output}`, '--json');
    expect(done).toMatchObject({ status: 1, stderr: '' });
    expect(documentOf(done.stdout)).toMatchObject({
      applied: false,
      left: [],
      backup: null,
      output: { file: output, bytes: 655_360 },
    });
    expect(stateOf(spare)).toEqual(before);
    expect(await sequencesOf(output)).toBe('7 7 7 7 7');
    expect((await dmremap(folder, ['check', output])).status).toBe(0);

    await repair('--apply');
    expect(stateOf(spare).bytes.slice(0, 655_360)).toBe(stateOf(output).bytes);
    const again = await repair(`--output=${output}`, '--use=copy=0');
    expect(again).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_FILE_EXISTS)') });
  });

  test('makes no file where there is nothing to do, or where it is refused', async () => {
    const output = join(folder, 'new.img');
    draw('7 7 7 7 7');
    expect((await repair(`--output=${output}`)).status).toBe(0);
    draw('x - v - -');
    expect(await repair(`--output=${output}`)).toMatchObject({ status: 8 });
    expect(() => stateOf(output)).toThrow('ENOENT');
  });
});

describe('--use', () => {
  test.each([
    ['9 9 2r 2r 2r', 'copy=2', '10 10 10 10 10', '2'],
    ['9 9 2r 2r 2r', 'seq=2', '10 10 10 10 10', '2'],
    ['9 9 2r 2r 2r', 'seq=9', '10 10 10 10 10', '9'],
    ['7 7 7 7 7', 'copy=0', '8 8 8 8 8', '7'],
    ['7 6 6 x -', 'seq=6', '8 8 8 8 8', '6'],
  ])('of %s, %s is a commit of that table', async (disk, use, sequences, table) => {
    draw(disk);
    const planned = await repair(`--use=${use}`, '--json');
    expect(documentOf(planned.stdout)).toMatchObject({ mode: 'commit', refusal: null });
    expect((await repair('--apply', `--use=${use}`)).status).toBe(1);
    expect(await sequencesOf()).toBe(sequences);
    expect(await original()).toBe(table);
  });

  test.each([
    ['7 7 7 7 7', 'seq=6', 'ERR_COPY_NOT_VALID', 16],
    ['7 7 7f 7 7', 'seq=7', 'ERR_METADATA_AMBIGUOUS', 12],
    ['7 x 7 7 7', 'copy=1', 'ERR_COPY_NOT_VALID', 16],
  ])('of %s, %s names no table: %s', async (disk, use, code, status) => {
    draw(disk);
    const before = stateOf(spare);
    const refused = await repair('--apply', `--use=${use}`);
    expect(refused).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(`(${code})`) });
    expect(stateOf(spare)).toEqual(before);
  });

  test('a file: a backup, a pre-image or any image', async () => {
    draw('5 5 5 5 5');
    const image = draw('5 5 5 x -', join(folder, 'image'));
    await dmremap(folder, ['backup', spare, join(folder, 'backup')]);
    await dmremap(folder, ['remap', 'add', spare, '99:1500']);
    for (const file of [join(folder, 'backup'), image, backupsIn(folder)[0]]) {
      draw('x x - v 6');
      const planned = await repair(`--use=file=${file}`, '--json');
      expect(documentOf(planned.stdout)).toMatchObject({
        mode: 'commit',
        source: { copy: 0, sequence: '5', file },
        steps: [{ order: 1 }, { order: 2 }, { order: 3 }, { order: 4 }, { copy: 4, order: 5 }],
      });
      const done = await repair('--apply', `--use=file=${file}`);
      expect(done.status).toBe(1);
      expect(done.stdout).toContain(
        `: a commit of the table of copy 0 in ${file}, sequence 5, as sequence 7\n`,
      );
      expect(await sequencesOf()).toBe('7 7 7 7 7');
      expect(await original()).toBe('5');
    }
  });
});

describe('a table from the future', () => {
  test.each(['9+ 9+ 9+ 9+ 9+', '9+ 9+ 7 7 7', '9+ 9+ 8+ x -'])(
    'of %s is committed with --ignore-clock',
    async (disk) => {
      draw(disk);
      const planned = await repair('--json');
      expect(planned.status).toBe(4);
      const { refusal } = documentOf(planned.stdout) as { refusal: { code: string } };
      expect(['ERR_CLOCK_BEHIND', 'ERR_METADATA_AMBIGUOUS']).toContain(refusal.code);
      expect((await repair('--apply')).status).toBe(12);
      const done = await repair('--apply', '--ignore-clock', '--json');
      expect(done.status).toBe(1);
      expect(documentOf(done.stdout)).toMatchObject({ mode: 'commit', source: { sequence: '9' } });
      expect(await sequencesOf()).toBe('10 10 10 10 10');
      expect((await dmremap(folder, ['check', spare])).status).toBe(0);
    },
  );

  test('is committed with --ignore-clock too where the module finds the same table in an older copy', async () => {
    const golden = goldenFile(folder, 'u_future');
    expect((await dmremap(folder, ['repair', '--apply', golden])).stderr).toContain('(ERR_CLOCK_BEHIND)');
    const done = await dmremap(folder, ['repair', '--apply', '--ignore-clock', golden]);
    expect(done.status).toBe(1);
    expect(await sequencesOf(golden)).toBe('5 5 5 5 5');
    expect((await dmremap(folder, ['check', golden])).status).toBe(0);
  });

  test('says which time to set, and the other way', async () => {
    draw('9+ 9+ 9+ 9+ 9+');
    const { stderr } = await repair('--apply');
    expect(stderr).toContain(
      'copy 0 is dated 2025-10-10T08:53:21Z, and the clock of this host says 2025-10-09T08:53:20Z (ERR_CLOCK_BEHIND)\n' +
        "  if the clock is wrong, set it, and nothing has to be written: date --utc --set='2025-10-10T08:53:21Z' or later\n",
    );
    expect(stderr).toContain('--ignore-clock commits that table with the time of this host\n');
  });

  test('what the clock has nothing to do with stays in doubt', async () => {
    draw('7 7 7f 7 7');
    expect((await repair('--apply', '--ignore-clock')).stderr).toContain('(ERR_METADATA_AMBIGUOUS)');
    draw('7 7 7 7 7');
    expect((await repair('--apply', '--ignore-clock')).status).toBe(0);
  });
});
