// Data of somebody else: under the slots of a spare in use, on a device that is to become one, and at its end.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import type { Step } from '../../lib/device/request.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { inflate, recordedImage, recordedImages, sectorsOf } from '../format/signatures/images.js';
import { drawnNow, drawSlot } from '../support/disk.js';
import { folder, spare } from '../support/own-folder.js';
import { share } from '../support/tier.js';
import { backupsIn, dmremap, documentOf } from './harness.js';

const regionBytes = 655_360;
const ext4 = 'an ext2, ext3 or ext4 file system (at byte 1080)';

const regionOf = (path: string): Buffer => {
  const bytes = Buffer.alloc(regionBytes);
  const held = readFileSync(path).subarray(0, regionBytes);
  held.copy(bytes);
  return bytes;
};

describe('a file system over the slot of copy 0, while four copies are valid', () => {
  let before = Buffer.alloc(0);
  const overwrite = () => {
    for (const { at, bytes } of sectorsOf(recordedImage('ext4'))) {
      if (at >= 131_072) continue;
      const descriptor = openSync(spare, 'r+');
      writeSync(descriptor, bytes, 0, bytes.length, at);
      closeSync(descriptor);
    }
    before = readFileSync(spare);
  };

  beforeEach(async () => {
    writeFileSync(spare, Buffer.alloc(2 ** 22));
    const create = await dmremap(folder, ['create', '--main=16384', '--no-backup', spare]);
    expect(create.status, create.stderr).toBe(0);
    const add = await dmremap(folder, ['remap', 'add', '--no-backup', spare, '1000']);
    expect(add.status, add.stderr).toBe(0);
    await dmremap(folder, ['backup', spare, join(folder, 'backup')]);
    writeFileSync(join(folder, 'remaps.csv'), 'original,spare\n3000,4000\n');
    overwrite();
  });

  test.each([
    ['repair', () => ['repair', '--apply', spare], 1],
    ['repair from a file', () => ['repair', '--apply', `--use=file=${join(folder, 'backup')}`, spare], 1],
    ['remap add', () => ['remap', 'add', spare, '2000'], 0],
    ['remap remove', () => ['remap', 'remove', spare, '1000'], 0],
    ['remap import', () => ['remap', 'import', spare, join(folder, 'remaps.csv')], 0],
    ['handover', () => ['handover', spare], 0],
    ['restore', () => ['restore', `--backup=${join(folder, 'backup')}`, spare], 0],
  ])('%s asks for the name of the spare, and says why', async (_, argv, done) => {
    const refused = await dmremap(folder, argv());
    expect(refused).toMatchObject({ status: 8 });
    expect(refused.stderr).toContain(`${spare}: it holds ${ext4} (ERR_DATA_PRESENT)\n  --yes=NAME,`);
    expect((await dmremap(folder, [...argv(), '--yes=sdb'])).status).toBe(16);
    const other = await dmremap(folder, argv(), { ask: async () => 'sdb' });
    expect(other).toMatchObject({ status: 8, stderr: expect.stringContaining('its name was not typed') });
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect(backupsIn(folder)).toEqual([]);

    const typed = await dmremap(folder, argv(), { ask: async () => 'spare.img' });
    expect(typed.status, typed.stderr).toBe(done);
    const undone = await dmremap(folder, ['undo', backupsIn(folder)[0] ?? '']);
    expect(undone.status, undone.stderr).toBe(4);
    expect(readFileSync(spare).equals(before)).toBe(true);
    const given = await dmremap(folder, [...argv(), '--yes=spare.img']);
    expect(given.status, given.stderr).toBe(done);
    //  It is gone, and nobody asks any more.
    expect((await dmremap(folder, ['check', spare])).stdout).not.toContain('foreign-signature');
  });

  test('relocate asks for it', async () => {
    const slot = drawSlot({ remaps: [[7n, 1279n]] });
    writeFileSync(spare, Buffer.concat([...Array.from({ length: 5 }, () => slot), Buffer.alloc(2 ** 20)]));
    writeFileSync(spare, Buffer.from(readFileSync(spare)).fill('remapped', 1279 * 512, 1280 * 512));
    overwrite();
    const plan = await dmremap(folder, ['relocate', '--json', spare]);
    expect(documentOf(plan.stdout)).toMatchObject({ overwrites: [{ offset: '1080', copies: [0] }] });
    const refused = await dmremap(folder, ['relocate', '--apply', spare]);
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining(`it holds ${ext4}`) });
    expect(readFileSync(spare).equals(before)).toBe(true);
    const done = await dmremap(folder, ['relocate', '--apply', '--yes=spare.img', spare]);
    expect(Number(done.status) & 1, done.stderr).toBe(1);
  });

  test('undo --force asks where it was written since', async () => {
    writeFileSync(spare, Buffer.alloc(2 ** 22));
    const saved = join(folder, 'saved');
    await dmremap(folder, ['create', '--main=16384', `--backup=${saved}`, spare]);
    overwrite();
    const undo = ['undo', '--force', saved, spare];
    expect((await dmremap(folder, undo)).stderr).toContain(`it holds ${ext4} (ERR_DATA_PRESENT)`);
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect((await dmremap(folder, [...undo, '--yes=spare.img'])).status).toBe(4);
    expect(readFileSync(spare).equals(Buffer.alloc(2 ** 22))).toBe(true);
  });

  test('create --force asks, where the table was empty too', async () => {
    writeFileSync(spare, Buffer.alloc(2 ** 22));
    await dmremap(folder, ['create', '--main=16384', '--no-backup', spare]);
    overwrite();
    const create = ['create', '--main=16384', spare];
    const refused = await dmremap(folder, create);
    expect(refused.stderr).toContain(
      `looks like metadata is there, at 0, 131072, 262144, 393216, 524288, and it holds ${ext4} (ERR_METADATA_EXISTS)`,
    );
    expect((await dmremap(folder, [...create, '--force'])).stderr).toContain(
      `it holds ${ext4} (ERR_DATA_PRESENT)`,
    );
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect((await dmremap(folder, [...create, '--force', '--yes=spare.img'])).status).toBe(0);
  });

  test('check and the plan name it', async () => {
    const check = await dmremap(folder, ['check', '--json', spare]);
    const { lints } = documentOf(check.stdout) as { lints: object[] };
    expect(lints).toContainEqual({
      id: 'foreign-signature',
      severity: 'warning',
      message: `The device holds ${ext4}, in the slot of copy 0.`,
      copies: [0],
    });
    const told = await dmremap(folder, ['check', spare]);
    expect(told.stdout).toContain('Foreign data: an ext2, ext3 or ext4 file system');
    expect(told.stdout).not.toContain('dmremap handover');
    const plan = await dmremap(folder, ['repair', spare]);
    expect(plan.status).toBe(4);
    expect(plan.stdout).toContain(`OVERWRITES foreign data: the spare holds ${ext4}\n`);
    expect(plan.stdout).toMatch(/\nplan \d+-[0-9a-f]{32}\n/);
    const image = await dmremap(folder, ['repair', `--output=${join(folder, 'new.img')}`, spare]);
    expect(image.status, image.stderr).toBe(1);
    expect(readFileSync(spare).equals(before)).toBe(true);
  });

  test('the library reports it, and leaves the decision to its caller', async () => {
    const store = await MetadataStore.open(spare, { mode: 'write', now: () => drawnNow });
    expect(store.report.lints).toContainEqual(
      expect.objectContaining({ id: 'foreign-signature', copies: [0] }),
    );
    expect(store.report.strangers.marks).toEqual([
      { name: 'an ext2, ext3 or ext4 file system', offset: 1080n, length: 2, copies: [0] },
    ]);
    await store.close();
  });
});

describe('a mark in a slot, behind the structure there, in the last block of it', () => {
  const mark = Uint8Array.of(0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0);
  const at = 131_072 + 84_992;
  const drawMark = () => {
    const descriptor = openSync(spare, 'r+');
    writeSync(descriptor, mark, 0, mark.length, at);
    closeSync(descriptor);
  };
  beforeEach(async () => {
    writeFileSync(spare, Buffer.alloc(2 ** 22));
    expect((await dmremap(folder, ['create', '--main=16384', '--no-backup', spare])).status).toBe(0);
    expect((await dmremap(folder, ['remap', 'add', '--no-backup', spare, '1000'])).status).toBe(0);
  });

  test('is written as it was, and nobody is asked', async () => {
    drawMark();
    const done = await dmremap(folder, ['handover', spare]);
    expect(done.status, done.stderr).toBe(0);
    expect(readFileSync(spare).subarray(at, at + mark.length)).toEqual(Buffer.from(mark));
  });

  test('is asked about where it came later, and an undo would take it away', async () => {
    const saved = join(folder, 'saved');
    await dmremap(folder, ['handover', `--backup=${saved}`, spare]);
    drawMark();
    const undo = ['undo', '--force', saved, spare];
    const refused = await dmremap(folder, undo);
    expect(refused.stderr).toContain(`it holds a member of a ZFS pool (at byte ${at}) (ERR_DATA_PRESENT)`);
    expect((await dmremap(folder, [...undo, '--yes=spare.img'])).status).toBe(0);
    expect(readFileSync(spare).subarray(at, at + mark.length)).toEqual(Buffer.alloc(mark.length));
  });
});

describe('what is ours is never taken for it', () => {
  test.each([
    ['in a structure whose checksum holds', { remaps: [[0x4558_4641_5420_2020n, 2000n]] as const }],
    ['the data of a remapped sector inside the region', { remaps: [[9n, 256n + 200n]] as const }],
  ])('%s', async (_, drawn) => {
    const slot = drawSlot(drawn);
    const bytes = Buffer.concat([...Array.from({ length: 5 }, () => slot), Buffer.alloc(2 ** 20)]);
    const at = (256 + 200) * 512;
    bytes.set([0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0], at);
    if (drawn.remaps[0]?.[0] !== 9n) bytes.fill(0, at, at + 8);
    writeFileSync(spare, bytes);
    expect((await dmremap(folder, ['check', spare])).stdout).not.toContain('foreign-signature');
  });

  test('what lies behind the region of a spare in use: there is the data of main', async () => {
    inflate(recordedImage('gpt-second'), spare);
    const descriptor = openSync(spare, 'r+');
    for (let copy = 0; copy < 5; copy++) writeSync(descriptor, drawSlot(), 0, 131_072, copy * 131_072);
    closeSync(descriptor);
    expect((await dmremap(folder, ['check', spare])).stdout).not.toContain('foreign-signature');
    expect((await dmremap(folder, ['remap', 'add', spare, '5'])).status).toBe(0);
  });
});

describe('a device that holds the data of somebody else', () => {
  test.each(share(recordedImages, 9))(
    'create and restore refuse $name, and name it; check and backup do too',
    async (image) => {
      inflate(image, spare);
      const before = regionOf(spare);
      const refused = await dmremap(folder, ['create', '--main=16384', spare]);
      expect(refused).toMatchObject({ status: 8, stdout: '' });
      const [, holds = ''] =
        /: it holds (.*) \(ERR_DATA_PRESENT\)\n {2}--force overwrites it\n/.exec(refused.stderr) ?? [];
      expect(holds).toMatch(/^an? |^the |^swap /);
      expect(holds).not.toContain('not zero');

      const table = join(folder, 'table.img');
      writeFileSync(table, Buffer.concat(Array.from({ length: 5 }, () => drawSlot())));
      const restore = ['restore', `--backup=${table}`];
      for (const force of [[], ['--force']]) {
        const refused = await dmremap(folder, [...restore, ...force, spare]);
        expect(refused.stderr).toContain(`it holds ${holds} (ERR_DATA_PRESENT)\n  --yes=NAME,`);
      }
      const check = documentOf((await dmremap(folder, ['check', '--json', spare])).stdout) as {
        lints: { id: string; message: string }[];
      };
      const named = check.lints.filter(({ id }) => id === 'foreign-signature');
      expect(named.length).toBeGreaterThan(0);
      const backup = await dmremap(folder, ['backup', spare, join(folder, 'backup')]);
      expect(backup.stdout).toContain(`  it holds ${holds}\n`);
      expect(regionOf(spare).equals(before)).toBe(true);
      expect(backupsIn(folder)).toEqual([]);

      const forced = await dmremap(folder, ['create', '--main=16384', '--force', spare]);
      expect(forced.status, forced.stderr).toBe(0);
      expect(forced.stderr).toContain(
        `dmremap: warning: ${spare}: it holds ${holds}, and that is overwritten\n`,
      );
    },
  );

  test.each([0, 84_287, 84_288, 131_071, 131_072, 655_359])(
    'one byte at %i that nobody knows wants --force',
    async (at) => {
      writeFileSync(spare, Buffer.alloc(2 ** 22).fill(1, at, at + 1));
      const table = join(folder, 'table.img');
      writeFileSync(table, Buffer.concat(Array.from({ length: 5 }, () => drawSlot())));
      const says = `it holds 1 byte that is not zero, from offset ${at} on (ERR_DATA_PRESENT)`;
      for (const argv of [
        ['create', '--main=16384'],
        ['restore', `--backup=${table}`],
      ]) {
        writeFileSync(spare, Buffer.alloc(2 ** 22).fill(1, at, at + 1));
        expect((await dmremap(folder, [...argv, spare])).stderr).toContain(says);
        const check = await dmremap(folder, ['check', spare]);
        expect(check.stdout).not.toContain('dmremap create');
        const done = await dmremap(folder, [...argv, '--force', spare]);
        expect(done.status, done.stderr).toBe(0);
      }
    },
  );

  test('one byte behind the region is no reason', async () => {
    writeFileSync(spare, Buffer.alloc(2 ** 22).fill(1, 655_360, 655_361));
    expect((await dmremap(folder, ['create', '--main=16384', spare])).status).toBe(0);
  });

  test('what cannot be read at its end is no evidence that nothing is there', async () => {
    class Worn extends MemoryDevice {
      protected override transfer(step: Step) {
        const isEnd = step.kind === 'read' && Number(step.offset) + step.bytes.length === this.bytes.length;
        return isEnd ? ({ outcome: 'unknown', error: 5 } as const) : super.transfer(step);
      }
    }
    const device = new Worn(2 ** 22, { path: spare });
    const openDevice = async () => device;
    const refused = await dmremap(folder, ['create', '--main=16384', spare], { openDevice });
    expect(refused.stderr).toMatch(
      /bytes at \d+ cannot be read \(EIO\), and they may show whose device it is \(ERR_IO\)/,
    );
    expect(device.bytes.every((byte) => byte === 0)).toBe(true);
    await expect(MetadataStore.create(new Worn(2 ** 22), { mainSectors: 16_384n })).rejects.toMatchObject({
      code: 'ERR_IO',
      errno: 'EIO',
    });
  });
});
