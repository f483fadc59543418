import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { drawSlot } from '../support/disk.js';
import { goldenBytes } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { random } from '../support/random.js';
import { backupsIn, dmremap, documentOf, goldenFile, stateOf, undo } from './harness.js';

/** A fresh folder with a spare of zeros in it. */
beforeEach(() => {
  writeFileSync(spare, new Uint8Array(4 * 2 ** 20));
});

const backups = (): string[] => backupsIn(folder);

function danglingLink(): string {
  const path = join(folder, 'link');
  symlinkSync('nowhere', path);
  return path;
}

test('create, add and list go round', async () => {
  const created = await dmremap(folder, ['create', '--main', '16384', spare]);
  expect(created.status).toBe(0);
  expect(created.stdout).toContain(': sequence 1, no remaps\n');

  const added = await dmremap(folder, ['remap', 'add', '--json', spare, '1000', '2000:3000', '5']);
  expect(added.status).toBe(0);
  expect(documentOf(added.stdout)).toMatchObject({
    sequence: '2',
    finds: 'new',
    degraded: [],
    readBack: { agree: true },
    added: [
      { original: '1000', spare: '1280' },
      { original: '2000', spare: '3000' },
      { original: '5', spare: '1288' },
    ],
    backup: { file: backups()[1], bytes: 655_360 },
  });
  const listed = await dmremap(folder, ['remap', 'list', '--json', spare]);
  expect(documentOf(listed.stdout)).toMatchObject({
    copy: 0,
    sequence: '2',
    mainSectors: '16384',
    spareSectors: '8192',
    entries: [{ original: '1000' }, { original: '2000' }, { original: '5' }],
  });
  expect((await dmremap(folder, ['check', spare])).status).toBe(0);
});

describe('create', () => {
  test('takes the size of main from a device or image', async () => {
    const main = join(folder, 'main.img');
    writeFileSync(main, new Uint8Array(3 * 2 ** 20 + 100));
    const before = stateOf(main);
    const { status, stdout } = await dmremap(folder, ['create', '--json', `--main=${main}`, spare]);
    expect(status).toBe(0);
    expect(documentOf(stdout)).toMatchObject({
      mainSectors: '6144',
      spareSectors: '8192',
      sequence: '1',
      backup: { bytes: 655_360 },
      copies: [0, 1, 2, 3, 4].map((copy) => ({ copy, state: 'written' })),
    });
    expect(stateOf(main)).toEqual(before);
  });

  test.each([
    ['own', [0, 1, 2, 3, 4]],
    ['zero', [0, 0, 0, 0, 0]],
  ])('--copy-index %s', async (choice, indexes) => {
    await dmremap(folder, ['create', '--main=16384', `--copy-index=${choice}`, spare]);
    const { stdout } = await dmremap(folder, ['examine', '--json', spare]);
    expect(documentOf(stdout).copies).toMatchObject(indexes.map((copyIndex) => ({ header: { copyIndex } })));
  });

  test('refuses metadata that is there, unless it is forced to; then it can be undone', async () => {
    const image = goldenFile(folder, 'u_one');
    const before = stateOf(image);
    const refused = await dmremap(folder, ['create', '--main=16384', image]);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain('(ERR_METADATA_EXISTS)\n  --force replaces it\n  nothing was written\n');
    expect(stateOf(image)).toEqual(before);
    expect(backups()).toEqual([]);

    const forced = await dmremap(folder, ['create', '--force', '--main=16384', `--yes=${image}`, image]);
    expect(forced.status).toBe(0);
    expect(stateOf(image).bytes).not.toBe(before.bytes);
    undo(forced.stderr, folder);
    expect(stateOf(image).bytes).toBe(before.bytes);
  });

  test('refuses to take one file for main and spare, under two names too', async () => {
    symlinkSync(spare, join(folder, 'link'));
    const refused = await dmremap(folder, ['create', `--main=${join(folder, 'link')}`, spare]);
    expect(refused).toMatchObject({
      status: 16,
      stderr: expect.stringContaining('main and spare are the same'),
    });
  });

  test.each([
    [0, 'ERR_DEVICE_TOO_SMALL'],
    [131_071, 'ERR_DEVICE_TOO_SMALL'],
    [131_072, 'ERR_SINGLE_COPY'],
  ])('a spare of %i bytes fails with %s and stays as it is', async (size, code) => {
    writeFileSync(spare, new Uint8Array(size));
    const before = stateOf(spare);
    const refused = await dmremap(folder, ['create', '--main=16384', spare]);
    expect(refused).toMatchObject({ status: 8, stdout: '', stderr: expect.stringContaining(`(${code})`) });
    expect(stateOf(spare)).toEqual(before);
  });

  test('--allow-single-copy creates where only one copy fits', async () => {
    writeFileSync(spare, new Uint8Array(131_072));
    const created = await dmremap(folder, ['create', '--main=16384', '--allow-single-copy', spare]);
    expect(created).toMatchObject({ status: 0, stdout: expect.stringContaining('written: copy 0\n') });
  });
});

describe('remap add', () => {
  const cases: readonly [what: string, args: readonly string[], status: number, code: string][] = [
    ['a sector beyond main', ['5', '16384'], 16, 'ERR_ORIGINAL_OUT_OF_RANGE'],
    ['an original that is mapped', ['5', '1000'], 16, 'ERR_ORIGINAL_MAPPED'],
    ['an original given twice', ['5', '5'], 16, 'ERR_ORIGINAL_MAPPED'],
    ['a spare sector beyond the spare', ['5', '6:8192'], 16, 'ERR_SPARE_OUT_OF_RANGE'],
    ['a spare sector in the metadata', ['5', '6:1279'], 16, 'ERR_SPARE_IN_METADATA'],
    ['a spare sector in use', ['5', '6:3000'], 16, 'ERR_SPARE_IN_USE'],
    ['more than fits', Array.from({ length: 2048 }, (_, at) => `${at + 2000}`), 16, 'ERR_SPARE_EXHAUSTED'],
  ];
  test.each(cases)('%s: none of them is added', async (_, originals, status, code) => {
    const image = goldenFile(folder, 'u_one');
    const before = stateOf(image);
    const refused = await dmremap(folder, ['remap', 'add', image, ...originals]);
    expect(refused).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(`(${code})\n`) });
    expect(refused.stderr).toContain('nothing was written');
    expect(stateOf(image)).toEqual(before);
    expect(backups()).toEqual([]);
  });

  test('a full table is an input error', async () => {
    const image = goldenFile(folder, 'u_max2048');
    const refused = await dmremap(folder, ['remap', 'add', image, '16000']);
    expect(refused).toMatchObject({ status: 16, stderr: expect.stringContaining('(ERR_TABLE_FULL)') });
  });

  test('--spacing 1 hands out the sectors one after the other', async () => {
    await dmremap(folder, ['create', '--main=16384', spare]);
    const { stdout } = await dmremap(folder, ['remap', 'add', '--json', '--spacing=1', spare, '1', '2']);
    expect(documentOf(stdout).added).toMatchObject([{ spare: '1280' }, { spare: '1281' }]);
  });

  test('where more than one copy could be right, it lists them and asks for --copy N', async () => {
    const image = join(folder, 'fork.img');
    const slot = (timestamp: bigint, spareSector: bigint) =>
      drawSlot({ sequence: 2n, timestamp, remaps: [[1000n, spareSector]] });
    const slots = [slot(1_759_999_000n, 4000n), slot(1_759_999_900n, 5000n)];
    writeFileSync(image, Buffer.concat([slots, slots, slots[0] ?? []].flat() as Uint8Array[]));
    const before = stateOf(image);
    const refused = await dmremap(folder, ['remap', 'add', image, '5']);
    expect(refused).toMatchObject({ status: 12, stdout: '' });
    expect(refused.stderr).toContain(
      'differ: name the copy to go on from with --copy N (ERR_METADATA_AMBIGUOUS)\n',
    );
    expect(refused.stderr).toMatch(/\n +0 +0 +valid +2 +2025-10-09T08:36:40Z +1759999000 +1\n/);
    expect(refused.stderr).toMatch(
      /\n +1 +131072 +valid +2 +2025-10-09T08:51:40Z +1759999900 +1 {2}us, driver\n/,
    );
    expect(stateOf(image)).toEqual(before);
  });

  test('goes on from the copy that is named', async () => {
    const slot = (spareSector: bigint) => drawSlot({ sequence: 2n, remaps: [[1000n, spareSector]] });
    writeFileSync(spare, Buffer.concat([slot(4000n), slot(5000n), new Uint8Array(4 * 2 ** 20 - 262_144)]));
    const named = await dmremap(folder, ['remap', 'add', '--copy=1', spare, '5']);
    expect(named.status).toBe(0);
    const { stdout } = await dmremap(folder, ['remap', 'list', '--json', spare]);
    expect(documentOf(stdout).entries).toMatchObject([{ spare: '5000' }, { original: '5' }]);
  });

  test('data inside the metadata region is written over only where that is allowed', async () => {
    const image = goldenFile(folder, 'real_autoremap');
    const before = stateOf(image);
    const now = () => 1_900_000_000n as never;
    const refused = await dmremap(folder, ['remap', 'add', image, '5'], { now });
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain(
      '(ERR_DATA_IN_METADATA)\n  `dmremap relocate` moves it out; --allow-data-in-metadata writes all the same',
    );
    expect(stateOf(image).bytes).toBe(before.bytes);
    expect(backups()).toEqual([]);
    const forced = await dmremap(folder, ['remap', 'add', '--allow-data-in-metadata', image, '5'], { now });
    expect(forced.status).toBe(0);
  });

  test('nothing to open is an operation that failed', async () => {
    const refused = await dmremap(folder, ['remap', 'add', spare, '5']);
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_NO_METADATA)') });
  });
});

describe('the backup', () => {
  test('is private, holds the region, and undoes byte for byte', async () => {
    await dmremap(folder, ['create', '--main=16384', spare]);
    const before = stateOf(spare);
    const added = await dmremap(folder, ['remap', 'add', spare, '5']);
    const file = backups().at(-1) ?? '';
    expect(file).toMatch(/\/spare\.img-20251009T085320Z-seq1\.img$/);
    expect(statSync(file).mode & 0o7777).toBe(0o400);
    expect(statSync(join(folder, 'state', 'dmremap')).mode & 0o7777).toBe(0o700);
    expect(readFileSync(file).toString('latin1', 0, 655_360)).toBe(before.bytes.slice(0, 655_360));
    expect(added.stderr).toContain(`saved the first 640.0 KiB of ${spare} to ${file}; undo with:\n`);

    expect(stateOf(spare).bytes).not.toBe(before.bytes);
    undo(added.stderr, folder);
    expect(stateOf(spare).bytes).toBe(before.bytes);
  });

  test.each([
    ['blanks and quotes', `it's a "spare" $(false) \`x\``],
    ['a backslash', 'a\\b'],
    ['control characters', "a\u001b[31m\nb\\c'd"],
    ['a leading dash', '-rf'],
    ['other scripts', 'Ersatz-größe-盤'],
  ])('undoes where the name has %s', async (_, name) => {
    const path = join(folder, name);
    writeFileSync(path, goldenBytes('u_one'));
    const before = stateOf(path);
    const backup = join(folder, `${name}.backup`);
    const forced = await dmremap(folder, [
      'create',
      '--force',
      '--main=16384',
      `--yes=${path}`,
      `--backup=${backup}`,
      path,
    ]);
    expect(forced.status).toBe(0);
    expect(forced.stderr).not.toContain('\u001b');
    undo(forced.stderr, folder);
    expect(stateOf(path).bytes).toBe(before.bytes);
  });

  test.each([300_032, 307_712, 131_072 + 512])('undoes on a spare of %i bytes', async (size) => {
    const path = join(folder, 'odd.img');
    writeFileSync(path, random(size).fill(new Uint8Array(size)));
    const before = stateOf(path);
    const create = ['create', '--main=4096', '--allow-single-copy'];
    const refused = await dmremap(folder, [...create, path]);
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_DATA_PRESENT)') });
    const created = await dmremap(folder, [...create, '--force', path]);
    expect(created.status).toBe(0);
    undo(created.stderr, folder);
    expect(stateOf(path).bytes).toBe(before.bytes);
  });

  test('a relative path is told as an absolute one', async () => {
    writeFileSync(join(folder, 'rel.img'), goldenBytes('u_one'));
    const argv = [
      'create',
      '--force',
      '--main=4096',
      '--yes=rel.img',
      '--backup=b.img',
      join(folder, 'rel.img'),
    ];
    const { stderr } = await dmremap(folder, argv);
    expect(stderr).toContain(`dmremap undo ${folder}/b.img\n`);
  });

  test('two of one name in one second do not overwrite each other', async () => {
    const [first, second] = ['a', 'b'].map((name) => {
      mkdirSync(join(folder, name));
      return goldenFile(join(folder, name), 'u_one');
    });
    for (const image of [first, second]) {
      const forced = await dmremap(folder, [
        'create',
        '--force',
        '--main=4096',
        '--yes=u_one.img',
        `${image}`,
      ]);
      expect(forced.status).toBe(0);
    }
    const stem = join(folder, 'state', 'dmremap', 'u_one.img-20251009T085320Z-seq2');
    expect(backups()).toEqual([`${stem}.img`, `${stem}-2.img`]);
  });

  test.each([
    ['a file that exists', () => spare, 'EEXIST'],
    ['a folder that does not exist', () => join(folder, 'none', 'b.img'), 'ENOENT'],
    ['a link that leads nowhere', () => danglingLink(), 'EEXIST'],
  ])('to %s fails, and then nothing is written', async (_, file, errno) => {
    const image = goldenFile(folder, 'u_one');
    const before = stateOf(image);
    const refused = await dmremap(folder, [
      'create',
      '--force',
      '--main=4096',
      '--yes=u_one.img',
      `--backup=${file()}`,
      image,
    ]);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain(
      `the backup failed, so nothing is written: ${file === undefined ? '' : ''}`,
    );
    expect(refused.stderr).toContain(errno);
    expect(stateOf(image)).toEqual(before);
  });

  test('without a home, the usual place is nowhere: nothing is written', async () => {
    const image = goldenFile(folder, 'u_one');
    for (const env of [{}, { HOME: '' }, { XDG_STATE_HOME: 'relative' }]) {
      const refused = await dmremap(folder, ['create', '--force', '--main=4096', '--yes=u_one.img', image], {
        env,
      });
      expect(refused).toMatchObject({
        status: 8,
        stderr: expect.stringContaining('neither XDG_STATE_HOME nor HOME'),
      });
    }
    const kept = await dmremap(folder, ['create', '--force', '--main=4096', '--yes=u_one.img', image], {
      env: { HOME: folder },
    });
    expect(kept.status).toBe(0);
    expect(readdirSync(join(folder, '.local', 'state', 'dmremap'))).toHaveLength(1);
  });

  test('where no file can be made, it fails and nothing is written', async () => {
    const image = goldenFile(folder, 'u_one');
    const before = stateOf(image);
    const refused = await dmremap(folder, [
      'create',
      '--force',
      '--main=4096',
      '--yes=u_one.img',
      '--backup=/proc/b.img',
      image,
    ]);
    expect(refused.status).toBe(8);
    expect(stateOf(image)).toEqual(before);
  });

  test('--no-backup saves nothing', async () => {
    const image = goldenFile(folder, 'u_one');
    const forced = await dmremap(folder, [
      'create',
      '--force',
      '--no-backup',
      '--main=4096',
      '--yes=u_one.img',
      image,
    ]);
    expect(forced).toMatchObject({ status: 0, stderr: '' });
    expect(backups()).toEqual([]);
  });
});

test('a spare that somebody holds is busy for writers, and readers still read it', async () => {
  const image = goldenFile(folder, 'u_one');
  const before = stateOf(image);
  await using _held = await openDevice(image, { mode: 'write' });
  for (const argv of [
    ['remap', 'add', image, '5'],
    ['create', '--force', '--main=4096', '--yes=u_one.img', image],
    ['remap', 'remove', image, '1000'],
    ['repair', '--apply', image],
    ['handover', image],
  ]) {
    const refused = await dmremap(folder, argv);
    expect(refused).toMatchObject({
      status: 8,
      stdout: '',
      stderr: expect.stringContaining('(ERR_DEVICE_BUSY)'),
    });
  }
  expect((await dmremap(folder, ['examine', image])).status).toBe(0);
  expect(stateOf(image)).toEqual(before);
});
