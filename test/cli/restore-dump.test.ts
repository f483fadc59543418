// `dmremap restore --dump` and `--output`: a table out of a document, onto a spare or into a new image.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { backupsIn, dmremap, documentOf, drawFile, goldenFile, spawned, stateOf, undo } from './harness.js';

/** A spare of 4 MiB with these five copies. */
const draw = (disk: string) => drawFile(spare, disk);

/** Standard input that holds this. */
const stdin = (text: string | Uint8Array) => () =>
  (async function* () {
    yield Buffer.from(text);
  })();

const dumpOf = async (path: string, now = drawnNow): Promise<string> =>
  (await dmremap(folder, ['dump', '--json', path], { now: () => now })).stdout;

/** A dump, to be made wrong. */
interface Draft extends Record<string, unknown> {
  readonly header: Record<string, unknown>;
  readonly entries: Record<string, unknown>[];
  readonly ghosts: unknown[];
}

async function changed(change: (dump: Draft) => void): Promise<string> {
  const dump: Draft = JSON.parse(await dumpOf(spare));
  change(dump);
  writeFileSync(join(folder, 'dump.json'), JSON.stringify(dump));
  return 'dump.json';
}

describe('a table that was dumped is restored byte for byte', () => {
  const images = goldenImages.filter(({ selected }) => selected !== null);
  test.each(images)('$name, to a new image', async ({ name, now }) => {
    const image = goldenFile(folder, name);
    const clock = { now: () => BigInt(now) as never };
    const text = await dumpOf(image, BigInt(now) as never);
    const restored = (...argv: string[]) =>
      dmremap(folder, ['restore', '--json', '--dump=-', '--output=new', ...argv], {
        ...clock,
        stdin: stdin(text),
      });
    const { copy, entries } = JSON.parse(text) as { copy: number; entries: { spare: string }[] };
    //  A table that has its data in the metadata region is not taken unasked.
    const inside = entries.some(({ spare }) => Number(spare) < 1280);
    let done = await restored();
    expect(done.status).toBe(inside ? 16 : 0);
    if (done.status === 16) done = await restored('--allow-data-in-metadata');
    expect(documentOf(done.stdout)).toMatchObject({
      path: 'new',
      file: '-',
      output: { file: 'new', bytes: 655_360 },
      commit: { sequence: '1', degraded: [] },
    });
    const before = goldenBytes(name).subarray(copy * slotBytes, copy * slotBytes + structureBytes);
    const after = readFileSync(join(folder, 'new'));
    expect(after.length).toBe(655_360);
    for (let slot = 0; slot < 5; slot++) {
      const structure = after.subarray(slot * slotBytes, slot * slotBytes + structureBytes);
      //  Sequence, timestamp, checksum and copy index lie before: they are the commit's.
      expectBytes(structure.subarray(32), before.subarray(32));
    }
    expect((await dmremap(folder, ['check', join(folder, 'new')], clock)).status).toBe(inside ? 4 : 0);
  });

  test('with ghosts, onto a spare, and an undo brings the bytes from before back', async () => {
    draw('7 7 7 7 7');
    const file = await changed(({ ghosts, entries }) => {
      ghosts.push({ ...entries[0], index: 5 });
    });
    const before = stateOf(spare);
    const done = await dmremap(folder, ['restore', `--dump=${file}`, spare]);
    expect(done).toMatchObject({ status: 0, stdout: expect.stringContaining('committed sequence 8 to') });
    expect(JSON.parse(await dumpOf(spare))).toMatchObject({ ghosts: [{ index: 5, original: '7' }] });
    expect((await dmremap(folder, ['undo', backupsIn(folder)[0] ?? ''])).status).toBe(0);
    expect(stateOf(spare).bytes).toBe(before.bytes);
  });
});

describe('what is wrong is told, and nothing is written', () => {
  beforeEach(() => draw('7 7 7 7 7'));

  test('all of it, each with its place', async () => {
    const file = await changed((dump) => {
      const { header, entries } = dump;
      header.version = 5;
      entries.push({ ...entries[0], spare: '٣' }, { ...entries[0], flags: '\u001b[2J' });
      dump['\u001b[31m'] = 1;
    });
    const before = stateOf(spare);
    const { status, stdout, stderr } = await dmremap(folder, ['restore', `--dump=${file}`, spare]);
    expect({ status, stdout }).toEqual({ status: 16, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'dmremap: dump.json: 5 things are wrong (ERR_DUMP_INVALID)',
      '  \\x1b[31m: unknown field',
      '  header.version: must be 4',
      '  entries[1].spare: must be a string of decimal digits, from 0 to 18446744073709551615',
      '  entries[2].flags: must be a whole number from 0 to 65535',
      '  header.activeRemaps: must be 3: so many are in entries',
      '  nothing was written',
      '',
    ]);
    expect(stateOf(spare)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  test('a bad table; --allow-flaws takes it as it is', async () => {
    const file = await changed((dump) => {
      const { header, entries } = dump;
      entries.push({ ...entries[0] });
      header.activeRemaps = 2;
    });
    const { status, stderr } = await dmremap(folder, ['restore', `--dump=${file}`, spare]);
    expect({ status, stderr }).toEqual({
      status: 16,
      stderr: expect.stringMatching(
        /entries\[0\]\.original: .* \[duplicate-original\] \(ERR_DUMP_INVALID\)\n {2}--allow-flaws .*\n {2}nothing was written\n$/,
      ),
    });
    expect((await dmremap(folder, ['restore', '--allow-flaws', `--dump=${file}`, spare])).status).toBe(0);
  });

  test('a spare that is too short for the table', async () => {
    const file = await changed(() => {});
    writeFileSync(spare, new Uint8Array(2 ** 20));
    const { status, stderr } = await dmremap(folder, ['restore', `--dump=${file}`, spare]);
    expect({ status, stderr }).toEqual({
      status: 16,
      stderr: expect.stringContaining('(ERR_SPARE_OUT_OF_RANGE)'),
    });
  });

  test('a spare of another main device', async () => {
    const file = await changed((dump) => {
      dump.header.mainDeviceSectors = '99999';
    });
    const refused = await dmremap(folder, ['restore', `--dump=${file}`, spare]);
    expect(refused).toMatchObject({
      status: 8,
      stderr: expect.stringContaining('(ERR_OTHER_MAIN)\n  --yes=NAME'),
    });
    expect((await dmremap(folder, ['restore', `--dump=${file}`, '--yes=spare.img', spare])).status).toBe(0);
  });

  test.each([
    ['no such file', 'none', 'ERR_DEVICE_NOT_FOUND'],
    ['a folder', 'folder', 'ERR_NOT_A_DEVICE'],
    ['a FIFO', 'fifo', 'ERR_NOT_A_DEVICE'],
    ['an endless file', '/dev/zero', 'ERR_NOT_A_DEVICE'],
    ['nothing', 'empty', 'ERR_DUMP_INVALID'],
    ['an image', 'spare.img', 'ERR_DUMP_INVALID'],
  ])('%s', async (_, file, code) => {
    mkdirSync(join(folder, 'folder'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    writeFileSync(join(folder, 'empty'), '');
    const { status, stdout, stderr } = await dmremap(folder, ['restore', `--dump=${file}`, spare]);
    expect({ status, stdout }).toEqual({ status: 16, stdout: '' });
    expect(stderr).toContain(`(${code})`);
  });

  test('a file of 100 MB, without reading it', async () => {
    const huge = join(folder, 'huge.json');
    execFileSync('truncate', ['-s', '100M', huge]);
    const { status, stderr } = await dmremap(folder, ['restore', `--dump=${huge}`, spare]);
    expect({ status, stderr }).toEqual({
      status: 16,
      stderr: expect.stringContaining('more than 4194304 bytes'),
    });
  });

  test('standard input that never ends is not read to its end', async () => {
    const endless = () =>
      (async function* () {
        for (;;) yield Buffer.alloc(65_536, ' ');
      })();
    const { stderr } = await dmremap(folder, ['restore', '--dump=-', spare], { stdin: endless });
    expect(stderr).toContain('standard input: it has more than 4194304 bytes');
  });
});

describe('--output', () => {
  test('of a backup too; the file is new, ours alone, and every command takes it', async () => {
    draw('7 x - 6 7');
    await dmremap(folder, ['backup', spare, 'saved']);
    const done = await dmremap(folder, ['restore', '--backup=saved', '--output=new.img']);
    expect(done.stdout).toBe(
      'restored new.img: 1 remap of copy 0 in saved, sequence 7 there\n' +
        '  committed sequence 1 to copies 0, 1, 2, 3 and 4\n' +
        '  a new image of the metadata region: 640.0 KiB\n' +
        '  read back: copy 0 is elected by us and by the driver\n',
    );
    expect(statSync(join(folder, 'new.img')).mode & 0o7777).toBe(0o600);
    expect(JSON.parse(await dumpOf(join(folder, 'new.img')))).toMatchObject({ entries: [{ original: '7' }] });
    expect((await dmremap(folder, ['remap', 'add', join(folder, 'new.img'), '8'])).status).toBe(0);
  });

  test('never over a file that exists', async () => {
    draw('7 7 7 7 7');
    writeFileSync(join(folder, 'mine'), 'mine');
    const file = await changed(() => {});
    const { status, stderr } = await dmremap(folder, ['restore', `--dump=${file}`, '--output=mine']);
    expect({ status, stderr }).toEqual({ status: 8, stderr: expect.stringContaining('(ERR_FILE_EXISTS)') });
    expect(readFileSync(join(folder, 'mine'), 'utf8')).toBe('mine');
  });
});

test('the story, through a shell: dump, lose everything, restore, regret', async () => {
  draw('7 7 7 7 7');
  writeFileSync(join(folder, 'table.json'), (await spawned(folder, ['dump', '--json', spare])).stdout);
  draw('- - - - -');
  const destroyed = readFileSync(spare);
  const done = await spawned(folder, ['restore', '--dump', 'table.json', spare]);
  expect(done).toMatchObject({ status: 0, stdout: expect.stringContaining('restored ') });
  expect((await spawned(folder, ['remap', 'lookup', spare, '7'])).stdout).toContain('3000');
  undo(done.stderr, folder);
  expect(readFileSync(spare).equals(destroyed)).toBe(true);
});
