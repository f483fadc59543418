// `dmremap undo`, and what every write command saves before it writes.
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { sha256Of } from '../../lib/base/crypto.js';
import type { Device } from '../../lib/device/device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { sealImage } from '../../lib/format/sealed-image.js';
import { slotBytes } from '../../lib/format/structure.js';
import { decodePreimage } from '../../lib/recovery/preimage.js';
import { drawnNow } from '../support/disk.js';
import { folder, spare } from '../support/own-folder.js';
import { loopDevice, whyNoLoop } from '../support/scratch.js';
import { SpyDevice } from '../support/spy-device.js';
import { share } from '../support/tier.js';
import { backupsIn, dmremap, documentOf, drawFile, provenPreimage, spawned, stateOf } from './harness.js';
import { killedAtEachWrite } from './killed.js';

/** A spare with these five copies, as a file. */
const draw = (disk: string) => drawFile(spare, disk);

const bytesOf = () => readFileSync(spare).toString('latin1');

/** Every command that writes, on a disk on which it has something to do. */
const commands: readonly [command: string, disk: string, argv: readonly string[]][] = [
  ['create', '- - - - -', ['create', '--main=16384', 'SPARE']],
  ['create', '7 7 7 7 7', ['create', '--force', '--main=16384', '--yes=SPARE', 'SPARE']],
  ['repair', '7 x - 6 7', ['repair', '--apply', 'SPARE']],
  ['repair', '9 9 2r 2r 2r', ['repair', '--apply', '--use=copy=2', 'SPARE']],
  ['repair', '7 7 7 x x', ['repair', '--apply', '--use=file=OTHER', 'SPARE']],
  ['handover', '7 7 6 x 7', ['handover', 'SPARE']],
  ['remap add', '7 7 7 7 7', ['remap', 'add', 'SPARE', '5:1500']],
  ['remap remove', '7 7 7 7 7', ['remap', 'remove', 'SPARE', '7']],
  ['restore', 'x - v m x', ['restore', '--backup=OTHER', 'SPARE']],
];

/** The command with its spare, and with a backup of another table. */
async function argvFor(argv: readonly string[]): Promise<string[]> {
  const other = join(folder, 'other');
  if (argv.some((word) => word.includes('OTHER'))) {
    const here = readFileSync(spare);
    draw('5 5 5 5 5');
    await dmremap(folder, ['backup', spare, other]);
    writeFileSync(spare, here);
  }
  return argv.map((word) => word.replace('SPARE', spare).replace('OTHER', other));
}

describe.each(commands)('%s on %s', (command, disk, words) => {
  test('saves all that undo needs before its first write, and is undone byte for byte', async () => {
    draw(disk);
    const argv = await argvFor(words);
    const before = bytesOf();
    let writes = 0;
    const openGuarded = async (path: string, options: Parameters<typeof openDevice>[1]): Promise<Device> => {
      const device = await openDevice(path, options);
      if (options?.mode !== 'write') return device;
      const spy = new SpyDevice(device);
      const { writeOrdered } = SpyDevice.prototype;
      spy.writeOrdered = (...call) => {
        const [file = '', ...more] = backupsIn(folder);
        expect(more).toEqual([]);
        const { region, preimage } = decodePreimage(readFileSync(file));
        expect(Buffer.from(region).toString('latin1')).toBe(before.slice(0, 655_360));
        expect(preimage).toMatchObject({ command, time: `${drawnNow}`, device: { path, kind: 'file' } });
        for (const { offset, bytes } of call[0].flat()) {
          const planned = preimage.writes.filter((write) => write.sha256 === sha256Of(bytes));
          expect(planned.map((write) => write.offset)).toContain(Number(offset));
        }
        writes += 1;
        return writeOrdered.apply(spy, call);
      };
      return spy;
    };
    const done = await dmremap(folder, argv, { openDevice: openGuarded as typeof openDevice });
    expect([0, 1], done.stderr).toContain(done.status);
    expect(writes).toBeGreaterThan(0);
    const [file = ''] = backupsIn(folder);
    expect(statSync(file).mode & 0o7777).toBe(0o400);
    expect(done.stderr).toContain(`; undo with:\n  dmremap undo ${file}\n`);
    expect(provenPreimage(file).plan).toMatch(new RegExp(`^${drawnNow}-`));

    const written = bytesOf();
    expect(written).not.toBe(before);
    const undone = await dmremap(folder, ['undo', '--json', file]);
    const { changedSince, verdict, exitStatus, backup } = documentOf(undone.stdout);
    expect(undone.status).toBe(exitStatus);
    expect(changedSince).toEqual([]);
    expect(bytesOf()).toBe(before);
    const check = await dmremap(folder, ['check', '--json', spare]);
    expect(documentOf(check.stdout).verdict).toBe(verdict);

    await dmremap(folder, ['undo', (backup as { file: string }).file]);
    expect(bytesOf()).toBe(written);
  });
});

describe('kill -9 at every write', () => {
  test.each(share(['repair', 'restore'], 2))('of %s, and the undo gives back every byte', async (command) => {
    draw('7 x - 6 7');
    const argv = await argvFor(
      command === 'repair' ? ['repair', '--apply', 'SPARE'] : ['restore', '--backup=OTHER', 'SPARE'],
    );
    const before = readFileSync(spare);
    for await (const { groups, state } of killedAtEachWrite({ folder, spare }, argv, () =>
      writeFileSync(spare, before),
    )) {
      if (groups > 0) expect(readFileSync(spare).equals(before)).toBe(false);
      const [file = ''] = backupsIn(folder, state);
      expect([0, 4]).toContain((await dmremap(folder, ['undo', file])).status);
      expect(readFileSync(spare).equals(before)).toBe(true);
    }
  });

  test('of an undo, and the same undo goes on and gives back every byte', async () => {
    draw('7 x - 6 7');
    const before = readFileSync(spare);
    await dmremap(folder, ['repair', '--apply', spare]);
    const repaired = readFileSync(spare);
    const [file = ''] = backupsIn(folder);
    const argv = ['undo', file];
    for await (const { state } of killedAtEachWrite({ folder, spare }, argv, () =>
      writeFileSync(spare, repaired),
    )) {
      const middle = readFileSync(spare);
      await dmremap(folder, argv);
      expect(readFileSync(spare).equals(before)).toBe(true);
      writeFileSync(spare, middle);
      const [back = ''] = backupsIn(folder, state);
      await dmremap(folder, ['undo', back]);
      expect(readFileSync(spare).equals(repaired)).toBe(true);
    }
  });
});

describe('undo', () => {
  let file = '';
  let before = '';
  let repaired: Buffer = Buffer.alloc(0);
  beforeEach(async () => {
    draw('7 x - 6 7');
    before = bytesOf();
    await dmremap(folder, ['repair', '--apply', spare]);
    repaired = readFileSync(spare);
    [file = ''] = backupsIn(folder);
  });

  test('says what it has put back, and what that is worth; the second time there is nothing to do', async () => {
    const undone = await dmremap(folder, ['undo', file]);
    expect(undone.status).toBe(4);
    expect(undone.stdout).toBe(
      `put back ${spare}, byte for byte: as it was before 'repair', 2025-10-09T08:53:20Z\n` +
        '  DAMAGED: the kernel module keeps the elected table (copy 0, sequence 7), but not all is well: damaged-copies\n',
    );
    expect(backupsIn(folder)).toHaveLength(2);
    const again = await dmremap(folder, ['undo', file]);
    expect(again).toMatchObject({ status: 4, stderr: '' });
    expect(again.stdout).toContain('already: nothing was written\n');
    expect(backupsIn(folder)).toHaveLength(2);
  });

  test('refuses where somebody else has written since, unless it is forced', async () => {
    await dmremap(folder, ['remap', 'add', spare, '5:1500']);
    const changed = bytesOf();
    const refused = await dmremap(folder, ['undo', file]);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toMatch(
      /somebody else has written to it since: \d+ sectors? of copy 0.* \(ERR_CHANGED_SINCE\)\n {2}it was saved .*, before 'repair'\n {2}--force puts that back/,
    );
    expect(bytesOf()).toBe(changed);
    const forced = await dmremap(folder, ['undo', '--force', '--json', file]);
    const { changedSince, backup } = documentOf(forced.stdout) as {
      changedSince: unknown[];
      backup: { file: string };
    };
    expect(changedSince).toHaveLength(5);
    expect(bytesOf()).toBe(before);
    await dmremap(folder, ['undo', backup.file]);
    expect(bytesOf()).toBe(changed);
  });

  test('with every copy destroyed', async () => {
    writeFileSync(spare, Buffer.concat([Buffer.alloc(655_360, 0xa5), repaired.subarray(655_360)]));
    expect(await dmremap(folder, ['undo', file])).toMatchObject({ status: 8 });
    expect((await dmremap(folder, ['undo', '--force', file])).status).toBe(4);
    expect(bytesOf()).toBe(before);
  });

  test('does not take another file under the name for the spare, unless it is named', async () => {
    renameSync(spare, join(folder, 'away'));
    writeFileSync(spare, repaired);
    const refused = await dmremap(folder, ['undo', file]);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toMatch(
      /it may be another device .*: its inode is \d+, it was \d+ \(ERR_DEVICE_CHANGED\)\n {2}name the spare if you know it: dmremap undo .* SPARE\n {2}nothing was written\n$/,
    );
    expect((await dmremap(folder, ['undo', file, spare])).status).toBe(4);
    expect(bytesOf()).toBe(before);
  });

  test('refuses a spare of another size, unless it is forced', async () => {
    const image = join(folder, 'region.img');
    writeFileSync(image, repaired.subarray(0, 655_360));
    const refused = await dmremap(folder, ['undo', file, image]);
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_DEVICE_CHANGED)') });
    expect((await dmremap(folder, ['undo', '--force', file, image])).status).toBe(4);
    expect(readFileSync(image).toString('latin1')).toBe(before.slice(0, 655_360));
    writeFileSync(image, repaired.subarray(0, 2 * slotBytes));
    expect((await dmremap(folder, ['undo', '--force', file, image])).status).toBe(8);
  });

  test('--preimage says where its own goes, and never over a file', async () => {
    const mine = join(folder, 'mine');
    expect((await dmremap(folder, ['undo', `--preimage=${file}`, file])).stderr).toContain(
      '(ERR_FILE_EXISTS)',
    );
    expect(readFileSync(spare).equals(repaired)).toBe(true);
    expect((await dmremap(folder, ['undo', `--preimage=${mine}`, file])).status).toBe(4);
    expect((await dmremap(folder, ['undo', mine])).status).toBe(0);
    expect(readFileSync(spare).equals(repaired)).toBe(true);
  });

  test('where the spare changes between reading and writing, nothing is written', async () => {
    const onStderr = (text: string) => {
      if (text.startsWith('saved '))
        writeFileSync(spare, Buffer.concat([Buffer.alloc(512, 1), repaired.subarray(512)]));
    };
    const refused = await dmremap(folder, ['undo', file], { onStderr });
    expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_PLAN_CHANGED)') });
    expect(refused.stderr).toMatch(/removed .*: it was not needed\n/);
    expect(readFileSync(spare).equals(Buffer.concat([Buffer.alloc(512, 1), repaired.subarray(512)]))).toBe(
      true,
    );
  });

  const others: readonly [what: string, name: () => string, code: string, status: number][] = [
    ['a file that is none of ours', () => spare, 'ERR_IMAGE_INVALID', 16],
    ['one that is cut off', () => changedFile((all) => all.subarray(0, -4096)), 'ERR_IMAGE_INVALID', 16],
    ['one with another byte', () => changedFile((all) => all.fill(9, 700, 701)), 'ERR_IMAGE_INVALID', 16],
    ['a backup', () => join(folder, 'backup'), 'ERR_IMAGE_INVALID', 16],
    ['no file', () => join(folder, 'none'), 'ERR_DEVICE_NOT_FOUND', 16],
    ['a folder', () => folder, 'ERR_NOT_A_DEVICE', 16],
    ['a device', () => '/dev/zero', 'ERR_NOT_A_DEVICE', 16],
  ];
  test.each(others)('refuses %s', async (_, name, code, status) => {
    await dmremap(folder, ['backup', spare, join(folder, 'backup')]);
    const refused = await dmremap(folder, ['undo', name(), spare]);
    expect(refused).toMatchObject({ status, stdout: '', stderr: expect.stringContaining(`(${code})`) });
    expect(readFileSync(spare).equals(repaired)).toBe(true);
  });

  function changedFile(change: (all: Buffer) => Uint8Array): string {
    const path = join(folder, 'changed');
    writeFileSync(path, change(readFileSync(file)));
    return path;
  }

  test.each([
    ['device', { device: { path: 5 } }],
    ['device', { device: { path: '/x', kind: 'file', sizeBytes: '1', logicalBlockSize: 0 } }],
    ['region', { missing: [7] }],
    ['region', { missing: 'x' }],
    ['sequence', { sequence: null }],
    ['writes', { writes: [null] }],
    ['writes', { writes: [{ offset: 655_360, length: 512, sectors: '0'.repeat(16) }] }],
    ['writes', { writes: [{ offset: 0, length: 512, sectors: '' }] }],
    ['writes', { writes: [{ offset: 0.5, length: 512, sectors: '0'.repeat(16) }] }],
  ])('refuses a document that is wrong at %s, however well it is sealed', async (place, change) => {
    const { region, preimage } = decodePreimage(readFileSync(file));
    const { missing, ...others } = change as { missing?: unknown };
    const document = {
      ...preimage,
      ...others,
      region: { ...preimage.region, ...(missing === undefined ? {} : { missing }) },
    };
    const path = join(folder, 'strange');
    writeFileSync(path, sealImage(region, document));
    const refused = await dmremap(folder, ['undo', path, spare]);
    expect(refused).toMatchObject({ status: 16, stdout: '' });
    expect(refused.stderr).toContain(`its document is wrong at ${place} (ERR_IMAGE_INVALID)`);
  });

  test('takes no saved file for a spare', async () => {
    const state = stateOf(file);
    for (const argv of [
      ['remap', 'add', file, '5'],
      ['repair', '--apply', file],
      ['undo', file, file],
    ]) {
      const refused = await dmremap(folder, argv);
      expect(refused).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_DATA_PRESENT)') });
    }
    expect(stateOf(file)).toEqual(state);
  });
});

test.skipIf(whyNoLoop())(
  'on a block device: found by its number and disk sequence, not by its name',
  async () => {
    draw('7 x - 6 7');
    const before = bytesOf();
    const loop = loopDevice(spare);
    let file = '';
    try {
      expect((await spawned(folder, ['repair', '--apply', loop.path])).status).toBe(1);
      [file = ''] = backupsIn(folder);
      expect(provenPreimage(file).device).toMatchObject({ path: loop.path, kind: 'block', inode: null });
      expect((await spawned(folder, ['undo', file])).status).toBe(4);
      expect(bytesOf()).toBe(before);
      expect((await spawned(folder, ['repair', '--apply', loop.path])).status).toBe(1);
    } finally {
      loop.detach();
    }
    //  The same file attached again, even to the same device node, is another medium to the kernel.
    const again = loopDevice(spare);
    try {
      const { preimage, region } = decodePreimage(readFileSync(file));
      const moved = join(folder, 'moved');
      const number = (await openIdentity(again.path))?.deviceNumber;
      const device = { ...preimage.device, path: again.path, deviceNumber: number };
      writeFileSync(moved, sealImage(region, { ...preimage, device }));
      const refused = await spawned(folder, ['undo', moved]);
      expect(refused).toMatchObject({ status: 8 });
      expect(refused.stderr).toMatch(/its disk sequence is \d+, it was \d+ \(ERR_DEVICE_CHANGED\)/);
      expect((await spawned(folder, ['undo', moved, again.path])).status).toBe(4);
      expect(bytesOf()).toBe(before);
    } finally {
      again.detach();
    }
  },
);

async function openIdentity(path: string) {
  await using device = await openDevice(path);
  return device.info.identity;
}
