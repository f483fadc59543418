// `dmremap backup` and `dmremap restore`: what is kept, what is left out, and onto what it may go.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import { unsealImage } from '../../lib/format/sealed-image.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { recordedImage, sectorsOf } from '../format/signatures/images.js';
import { drawnNow, drawSlot, spareImage } from '../support/disk.js';
import { drawSlots } from '../support/draw.js';
import { goldenBytes } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { backupsIn, dmremap, documentOf, type Overrides, stateOf } from './harness.js';

let file = '';
beforeEach(() => {
  file = join(folder, 'backup');
});

const mebibytes = (count: number) => count * 2 ** 20;

/** A spare with these five copies, as a file; `secret` lies behind every structure. */
function draw(disk: string, path = spare, bytes = mebibytes(4)): string {
  const slots = drawSlots(disk);
  for (const slot of slots) Buffer.from(slot.buffer).write('secret', structureBytes + 99);
  writeFileSync(path, spareImage(slots, bytes));
  return path;
}

const backup = (...argv: readonly string[]) => dmremap(folder, ['backup', ...argv, spare, file]);
const restore = (argv: readonly string[] = [], overrides: Overrides = {}) =>
  dmremap(folder, ['restore', `--backup=${file}`, ...argv, spare], overrides);

const tableOf = async (path: string) =>
  documentOf((await dmremap(folder, ['remap', 'list', '--json', path])).stdout);

describe('backup', () => {
  test('saves the structures, and nothing of what lies behind them', async () => {
    draw('7 x - 6 7');
    const before = stateOf(spare);
    const saved = await backup();
    expect(saved).toMatchObject({ status: 0, stderr: '' });
    expect(saved.stdout).toBe(
      `saved the metadata of ${spare} to ${file}: 640.0 KiB\n` +
        '  copy 0 is elected: sequence 7, 1 remap; valid: copies 0, 3 and 4\n' +
        `  bring its table back with: dmremap restore --backup ${file} ${spare}\n`,
    );
    expect(stateOf(spare)).toEqual(before);
    expect(statSync(file).mode & 0o7777).toBe(0o400);
    const { region, document } = unsealImage(readFileSync(file));
    expect(Buffer.from(region).includes('secret')).toBe(false);
    documentOf(JSON.stringify(document));
    for (let copy = 0; copy < 5; copy++) {
      const structure = region.subarray(copy * slotBytes, copy * slotBytes + structureBytes);
      const here = before.bytes.slice(copy * slotBytes, copy * slotBytes + structureBytes);
      expect(Buffer.from(structure).toString('latin1')).toBe(here);
    }
    //  Every reader takes it as the spare, but for what it says of its size.
    const { path: _, ...listed } = await tableOf(spare);
    expect(await tableOf(file)).toMatchObject(listed);
  });

  test('says as JSON what it holds', async () => {
    draw('7 x - 6 7');
    const { stdout } = await backup('--json');
    expect(documentOf(stdout)).toMatchObject({
      file,
      elected: { copy: 0, sequence: '7', remaps: 1 },
      main: { sectors: '16384', uuid: '' },
      region: { bytes: 655_360, missing: [] },
      copies: [
        { copy: 0, state: 'valid', sequence: '7', slack: 'left out' },
        { copy: 1, state: 'damaged', sequence: null },
        { copy: 2, state: 'damaged' },
        { copy: 3, state: 'valid', sequence: '6' },
        { copy: 4, state: 'valid' },
      ],
      dataInside: [],
      exitStatus: 0,
    });
  });

  test('keeps what lies behind a structure where a remapped sector has its data there, and says so', async () => {
    const inSlack = BigInt(2 * 256 + Math.ceil(structureBytes / 512) + 3);
    const slot = drawSlot({ sequence: 3n, remaps: [[1000n, inSlack]] });
    Buffer.from(slot.buffer).write('secret', structureBytes + 99);
    writeFileSync(spare, spareImage(Array(5).fill(slot)));
    const saved = await backup();
    expect(saved.status).toBe(0);
    expect(saved.stdout).toContain(
      `  DATA of 1 remapped sector lies in the metadata region: 1000 -> ${inSlack}\n` +
        '    so what lies behind the structure in copy 2 is kept, and memory of a kernel may be in it\n' +
        '    each write to the metadata can destroy it: copy these sectors',
    );
    const { region } = unsealImage(readFileSync(file));
    const secrets = [0, 1, 2, 3, 4].map((copy) =>
      Buffer.from(region.subarray(copy * slotBytes, (copy + 1) * slotBytes)).includes('secret'),
    );
    expect(secrets).toEqual([false, false, true, false, false]);
  });

  test('of a real spare, whose data lies under its own metadata', async () => {
    writeFileSync(spare, goldenBytes('real_autoremap'));
    const { stdout } = await backup('--json');
    const { dataInside } = documentOf(stdout) as { dataInside: unknown[] };
    expect(dataInside.length).toBeGreaterThan(0);
  });

  test.each([
    ['x - v m x', 'this is a backup of the damage'],
    ['- - - - -', 'there is no metadata; other bytes were saved'],
    [undefined, 'there is no metadata'],
  ])('of %s holds no table, and promises none', async (disk, says) => {
    if (disk === undefined) writeFileSync(spare, new Uint8Array(mebibytes(1)));
    else draw(disk);
    const made = await backup();
    expect(made.status).toBe(4);
    expect(made.stdout.split('\n').slice(1)).toEqual([
      `  NO copy is valid: ${says}`,
      '  there is no table in it, so `restore` has nothing to bring back; the bytes of the structures are in it, for a look:',
      `    dmremap examine ${file}`,
      '',
    ]);
    const refused = await restore();
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_NO_METADATA)') });
    expect((await dmremap(folder, ['examine', file])).status).toBe(0);
    rmSync(file);
    const { restorable } = documentOf((await backup('--json')).stdout);
    expect(restorable).toBe(false);
  });

  test('of a spare in doubt: the way back names the copy, and it works', async () => {
    draw('9 9 2r 2r 2r');
    const made = await backup();
    expect(made.status).toBe(0);
    expect(made.stdout).toContain(`    dmremap restore --backup ${file} --copy N ${spare}\n`);
    expect(made.stdout).not.toContain('bring its table back with');
    expect((await restore()).stderr).toContain('(ERR_METADATA_AMBIGUOUS)');
    expect((await restore(['--copy=2'])).status).toBe(0);
    rmSync(file);
    expect(documentOf((await backup('--json')).stdout).restorable).toBe(true);
  });

  test('never writes over a file, and needs one', async () => {
    draw('7 7 7 7 7');
    writeFileSync(file, 'mine');
    expect(await backup()).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_FILE_EXISTS)') });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect((await dmremap(folder, ['backup', spare])).status).toBe(16);
  });
});

describe('restore', () => {
  beforeEach(async () => {
    draw('7 7 7 7 7');
    await backup();
  });

  test.each(['x x - v m', '- - - - -', '8 8 8 8 8', '7 7 7 7 7', '9 9 2r 2r 2r'])(
    'onto %s is a commit above all that is there',
    async (disk) => {
      draw(disk);
      const before = stateOf(spare);
      if (disk === '- - - - -') {
        //  What lies behind the structures is all that there is, and nobody knows what it is.
        const refused = await restore(['--json']);
        expect(refused.stderr).toContain(
          'it holds 30 bytes that are not zero, from offset 84387 on (ERR_DATA_PRESENT)',
        );
        expect(refused.stderr).toContain('--force writes over it');
        expect(stateOf(spare)).toEqual(before);
      }
      const done = await restore(['--json', '--force']);
      expect(done.status).toBe(0);
      const { commit, source } = documentOf(done.stdout) as { commit: { sequence: string }; source: object };
      expect(source).toMatchObject({ copy: 0, sequence: '7', remaps: 1 });
      expect(await tableOf(spare)).toMatchObject({ sequence: commit.sequence, entries: [{ original: '7' }] });
      //  What lies behind the structures belongs to the spare, not to the backup.
      expect(stateOf(spare).bytes.match(/secret/g)).toHaveLength(5);
      await dmremap(folder, ['undo', backupsIn(folder)[0] ?? '']);
      expect(stateOf(spare).bytes).toBe(before.bytes);
    },
  );

  test('by a host whose clock is behind is no regression, wherever it is cut off', async () => {
    const old = stateOf(spare).bytes;
    const anHourAgo = { now: () => unixSeconds(drawnNow - 3600n) };
    expect((await restore([], anHourAgo)).status).toBe(0);
    const written = 3 * slotBytes;
    const mixture = stateOf(spare).bytes.slice(0, written) + old.slice(written);
    writeFileSync(spare, mixture, 'latin1');
    const { status, stdout } = await dmremap(folder, ['check', '--json', spare], anHourAgo);
    expect(status).toBe(0);
    expect(documentOf(stdout)).toMatchObject({
      verdict: 'clean',
      elections: { ours: { copy: 0, sequence: '8' } },
    });
  });

  test('says what it did', async () => {
    const done = await restore();
    expect(done).toMatchObject({ status: 0, stderr: expect.stringContaining('; undo with:\n') });
    expect(done.stdout).toBe(
      `restored ${spare}: 1 remap of copy 0 in ${file}, sequence 7 there\n` +
        '  committed sequence 8 to copies 0, 1, 2, 3 and 4\n' +
        '  read back: copy 0 is elected by us and by the driver\n',
    );
  });

  test('refuses a spare of another main device, unless its name is typed', async () => {
    const other = drawSlot({ sequence: 4n, header: { mainDeviceSectors: 999_999n as never } });
    writeFileSync(spare, Buffer.concat([other, new Uint8Array(mebibytes(4) - slotBytes)]));
    const before = stateOf(spare);
    for (const argv of [
      ['restore', `--backup=${file}`],
      ['repair', '--apply', `--use=file=${file}`],
    ]) {
      const refused = await dmremap(folder, [...argv, spare]);
      expect(refused).toMatchObject({ status: 8, stdout: '' });
      expect(refused.stderr).toContain(
        'it belongs to another main device: main has 999999 sectors there, 16384 in the table (ERR_OTHER_MAIN)\n  --yes=NAME,',
      );
      const misnamed = await dmremap(folder, [...argv, '--yes=sdb', spare]);
      expect(misnamed).toMatchObject({
        status: 16,
        stderr: expect.stringContaining("the spare is 'spare.img'"),
      });
      expect(stateOf(spare)).toEqual(before);
      expect(backupsIn(folder)).toEqual([]);
    }
    expect((await restore(['--yes=spare.img'])).status).toBe(0);
    expect(await tableOf(spare)).toMatchObject({ mainSectors: '16384', sequence: '5' });
  });

  test('refuses a spare that holds a file system, or another layout, unless its name is typed', async () => {
    const ext4 = new Uint8Array(mebibytes(4));
    for (const { at, bytes } of sectorsOf(recordedImage('ext4'))) if (at < 655_360) ext4.set(bytes, at);
    for (const bytes of [ext4, readFileSync(draw('s - - - -'))]) {
      writeFileSync(spare, bytes);
      const refused = await restore();
      expect(refused).toMatchObject({
        status: 8,
        stderr: expect.stringContaining('(ERR_DATA_PRESENT)\n  --yes=NAME,'),
      });
      expect(readFileSync(spare).equals(bytes)).toBe(true);
      expect((await restore([`--yes=${spare}`])).status).toBe(0);
    }
  });

  test('writes the size of the spare at hand, and refuses one that is too short for the table', async () => {
    draw('- - - - -', spare, mebibytes(8));
    const done = await restore(['--force']);
    expect(done.status).toBe(0);
    expect(done.stdout).toContain('  the spare has 16384 sectors, and had 8192: 16384 are written\n');
    expect((await dmremap(folder, ['check', spare])).status).toBe(0);
    draw('- - - - -', spare, mebibytes(1));
    const refused = await restore(['--force']);
    expect(refused).toMatchObject({
      status: 16,
      stderr: expect.stringContaining('(ERR_SPARE_OUT_OF_RANGE)'),
    });
  });

  test.each([
    ['a backup with another byte', () => readFileSync(file).fill(1, 99, 100), 'ERR_IMAGE_INVALID', 16],
    ['a file without a table', () => new Uint8Array(655_360), 'ERR_NO_METADATA', 8],
    [
      'a file in doubt',
      () => readFileSync(draw('9 9 2r 2r 2r', join(folder, 'doubt'))),
      'ERR_METADATA_AMBIGUOUS',
      12,
    ],
  ] as const)('refuses %s', async (_, bytes, code, status) => {
    const strange = join(folder, 'strange');
    writeFileSync(strange, bytes());
    const before = stateOf(spare);
    const refused = await dmremap(folder, ['restore', `--backup=${strange}`, spare]);
    expect(refused).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(`(${code})`) });
    expect(stateOf(spare)).toEqual(before);
  });

  test('--copy takes another table out of a file in doubt', async () => {
    file = draw('9 9 2r 2r 2r', join(folder, 'doubt'));
    expect((await restore(['--copy=3'])).status).toBe(0);
    expect(await tableOf(spare)).toMatchObject({ sequence: '8', entries: [{ original: '2' }] });
  });

  test('refuses where live data lies in the metadata region, and where only one copy fits', async () => {
    const slot = drawSlot({ sequence: 3n, remaps: [[1000n, 200n]] });
    writeFileSync(spare, Buffer.concat([slot, new Uint8Array(mebibytes(4) - slotBytes)]));
    expect((await restore()).stderr).toContain('(ERR_DATA_IN_METADATA)');
    expect((await restore(['--allow-data-in-metadata'])).status).toBe(0);
    writeFileSync(spare, new Uint8Array(slotBytes));
    expect((await restore()).stderr).toContain('(ERR_SINGLE_COPY)');
    expect((await restore(['--allow-single-copy'])).status).toBe(0);
    writeFileSync(spare, new Uint8Array(4096));
    expect((await restore()).stderr).toContain('(ERR_DEVICE_TOO_SMALL)');
  });

  test('needs a backup', async () => {
    expect(await dmremap(folder, ['restore', spare])).toMatchObject({ status: 16, stdout: '' });
    expect(await dmremap(folder, ['restore', '--backup=/none', spare])).toMatchObject({ status: 16 });
  });
});
