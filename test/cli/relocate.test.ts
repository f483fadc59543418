// `dmremap relocate`: data inside the metadata region, through the real binary.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { sealImage } from '../../lib/format/sealed-image.js';
import { decodePreimage } from '../../lib/recovery/preimage.js';
import { examineImage, patchSlot } from '../support/disk.js';
import { dataOf, type Remap, spareWithData } from '../support/inside.js';
import { folder, spare } from '../support/own-folder.js';
import { loopDevice, whyNoLoop } from '../support/scratch.js';
import { backupsIn, dmremap, documentOf, provenPreimage, spawned, stateOf } from './harness.js';
import { killedAtEachWrite } from './killed.js';

const regionBytes = 655_360;

const remaps: readonly Remap[] = [
  [5n, 0n],
  [6n, 257n],
  [8n, 700n],
  [9n, 1300n],
];
/** Two copies damaged by data, one otherwise, and data behind the structure of a good one. */
const write = () => writeFileSync(spare, spareWithData('7 7 7 x 7', remaps));

/** The originals whose data is where the table says. */
function whole(path = spare): string[] {
  const image = readFileSync(path);
  return examineImage(image)
    .entries.filter(({ originalSector, spareSector }) => {
      const at = Number(spareSector) * 512;
      return image.subarray(at, at + 512).equals(dataOf(originalSector));
    })
    .map(({ originalSector }) => `${originalSector}`);
}
const all = remaps.map(([original]) => `${original}`);

const shown = (stdout: string) =>
  stdout.replaceAll(`${folder}/`, '').replace(/^plan \d+-[0-9a-f]{32}$/m, 'plan ID');

describe('the plan', () => {
  test('for people, and for scripts', async () => {
    writeFileSync(spare, spareWithData('7 7 7 x 7', [...remaps, [7n, 600n]], [7n]));
    const before = stateOf(spare);
    const { status, stdout, stderr } = await spawned(folder, ['relocate', spare]);
    expect({ status, stderr }).toEqual({ status: 4, stderr: '' });
    expect(shown(stdout)).toMatchInlineSnapshot(`
      "spare.img: 4 remaps have their data inside the metadata region (copy 2, sequence 7)
        index  original  spare    to  holds     because
            0         5      0  1280  data      in damaged copy 0: it may be what damaged it
            1         6    257  1288  data      in damaged copy 1: it may be what damaged it
            2         8    700  1312  data      behind the structure of copy 2
            4         7    600     -  metadata  copy 2 is valid: overwritten by it
        behind a structure: no checksum tells whether the module has written over it
        metadata: the data is lost; \`remap remove --allow-data-in-metadata\` gives such a remap up
        -: stays where it is; --doubtful moves what is there all the same
        3 sectors to move, and a commit as sequence 8: copies 3, 4, 0, 1, 2, in this order
      plan ID
      nothing was written: --apply does it
      "
    `);
    const json = await spawned(folder, ['relocate', '--json', spare]);
    expect(json.status).toBe(4);
    expect(documentOf(json.stdout)).toMatchObject({
      refusal: null,
      inside: [
        { original: '5', copy: 0, part: 'structure', holds: 'data', to: '1280' },
        { original: '6', to: '1288' },
        { original: '8', part: 'slack', to: '1312' },
        { original: '7', holds: 'metadata', to: null },
      ],
      applied: false,
      verdict: null,
    });
    expect(stateOf(spare)).toEqual(before);
  });

  test('of a PENDING entry it does not say that the data is lost: it may be on main', async () => {
    const image = spareWithData(
      '7 7 7 7 7',
      [
        [5n, 600n],
        [6n, 700n],
        [7n, 601n],
      ],
      [5n, 7n],
    );
    //  Entries 0 and 1, in every copy.
    for (let copy = 0; copy < 5; copy += 1) {
      const slot = image.subarray(copy * 131_072, copy * 131_072 + 84_288);
      const pending = patchSlot(patchSlot(slot, 346, [1, 0]), 386, [1, 0]);
      image.set(pending, copy * 131_072);
    }
    writeFileSync(spare, image);
    const { status, stdout } = await spawned(folder, ['relocate', spare]);
    expect(status).toBe(4);
    expect(shown(stdout)).toMatchInlineSnapshot(`
      "spare.img: 3 remaps have their data inside the metadata region (copy 0, sequence 7)
        index  original  spare    to  holds              because
            0         5    600     -  metadata, PENDING  copy 2 is valid: overwritten by it
            1         6    700  1280  data, PENDING      behind the structure of copy 2
            2         7    601     -  metadata           copy 2 is valid: overwritten by it
        behind a structure: no checksum tells whether the module has written over it
        metadata: the data is lost; \`remap remove --allow-data-in-metadata\` gives such a remap up
        metadata, PENDING: the data may be on main; \`remap remove --allow-data-in-metadata\` makes that its place again
        PENDING: until it is created again a target of the module reads and writes main instead; then it uses the spare
        -: stays where it is; --doubtful moves what is there all the same
        1 sector to move, and a commit as sequence 8: copies 1, 2, 3, 4, 0, in this order
      plan ID
      nothing was written: --apply does it
      "
    `);
    const json = documentOf((await spawned(folder, ['relocate', '--json', spare])).stdout);
    expect(json).toMatchObject({
      inside: [
        { original: '5', holds: 'metadata', pending: true, to: null },
        { original: '6', holds: 'data', pending: true, to: '1280' },
        { original: '7', holds: 'metadata', pending: false, to: null },
      ],
    });
    //  Its sector goes where the table will say, and it stays what it was: the mapping is the same.
    expect([1, 5]).toContain((await spawned(folder, ['relocate', '--apply', spare])).status);
    expect(whole()).toEqual(['6']);
    expect(examineImage(readFileSync(spare)).entries.map(({ flags }) => flags)).toEqual([1, 1, 2]);
  });

  test('check names the command before a repair, which would be refused', async () => {
    write();
    const { stdout } = await spawned(folder, ['check', spare]);
    expect(stdout).toMatch(
      /Relocate: 3 remaps .*:\n +dmremap relocate .*\n +Repair, once the data is moved: /,
    );
  });

  test('where nothing is inside there is nothing to do', async () => {
    writeFileSync(spare, spareWithData('7 7 7 7 7', [[9n, 1300n]]));
    for (const options of [[], ['--apply']]) {
      const ran = await spawned(folder, ['relocate', ...options, spare]);
      expect(ran).toMatchObject({ status: 0, stderr: '' });
      expect(ran.stdout).toMatch(/: nothing to move: .*\nnothing was written\n$/);
    }
    expect(backupsIn(folder)).toEqual([]);
  });

  test('is carried out as it was shown, or not at all', async () => {
    write();
    const { plan } = documentOf((await spawned(folder, ['relocate', '--json', spare])).stdout) as {
      plan: { id: string };
    };
    //  A byte of a place that the data would go to: it is free, and still a part of the plan.
    const changed = readFileSync(spare);
    changed[1289 * 512] = 1;
    writeFileSync(spare, changed);
    const argv = ['relocate', '--apply', `--plan=${plan.id}`, spare];
    const refused = await spawned(folder, argv);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain('(ERR_PLAN_CHANGED)');
    write();
    expect((await spawned(folder, argv)).status).toBe(1);
  });
});

test.each<[what: string, disk: string, remaps: readonly Remap[], without: readonly bigint[], says: RegExp]>([
  [
    'with no slot to begin with',
    '7 7 7 7 7',
    [0n, 256n, 512n, 768n].map((at) => [at, at]),
    [],
    /begin with copy 0/,
  ],
  [
    'that may leave data behind',
    '7 - 7 7 7',
    [
      [5n, 256n],
      [6n, 170n],
    ],
    [5n],
    /\n {2}--doubtful moves what may be/,
  ],
])('%s it is refused, with the way on', async (_, disk, table, without, says) => {
  writeFileSync(spare, spareWithData(disk, table, without));
  const before = stateOf(spare);
  const planned = await spawned(folder, ['relocate', spare]);
  expect(planned).toMatchObject({ status: 4, stderr: '' });
  expect(planned.stdout).toMatch(/REFUSED: .*\(ERR_DATA_IN_METADATA\)/);
  expect(planned.stdout).toMatch(says);
  const applied = await spawned(folder, ['relocate', '--apply', spare]);
  expect(applied).toMatchObject({ status: 8, stdout: '' });
  expect(applied.stderr).toMatch(says);
  expect(applied.stderr).toMatch(/\n {2}nothing was written\n$/);
  expect(stateOf(spare)).toEqual(before);
  const forced = ['relocate', '--apply', '--allow-data-in-metadata', spare];
  expect([1, 5]).toContain((await spawned(folder, forced)).status);
});

describe('--apply', () => {
  test('moves everything, and undo puts the region back with the data in it', async () => {
    write();
    const before = readFileSync(spare);
    const done = await spawned(folder, ['relocate', '--apply', '--json', spare]);
    expect(done.status).toBe(1);
    const document = documentOf(done.stdout);
    expect(document).toMatchObject({
      applied: true,
      verdict: 'clean',
      commit: { sequence: '8', degraded: [] },
    });
    expect(whole()).toEqual(all);
    expect((await spawned(folder, ['check', spare])).status).toBe(0);
    const [file = ''] = backupsIn(folder);
    expect(provenPreimage(file).outside).toHaveLength(3);

    const undone = await spawned(folder, ['undo', '--json', file]);
    expect(documentOf(undone.stdout)).toMatchObject({
      changedSince: [],
      changedOutside: 0,
      leftOutside: [{ offset: `${1280 * 512}`, length: 4096 }, {}, {}],
    });
    const after = readFileSync(spare);
    expect(after.subarray(0, regionBytes).equals(before.subarray(0, regionBytes))).toBe(true);
    expect(whole()).toEqual(all);
    //  And back again: the places still hold what was moved.
    const again = backupsIn(folder)[1] ?? '';
    expect((await spawned(folder, ['undo', again])).status).toBe(0);
    expect(whole()).toEqual(all);
  });

  test('undo refuses where the data has been written since at its new place, unless it is forced', async () => {
    write();
    await spawned(folder, ['relocate', '--apply', spare]);
    const [file = ''] = backupsIn(folder);
    const changed = readFileSync(spare);
    changed.fill(0x77, 1280 * 512, 1281 * 512);
    writeFileSync(spare, changed);
    const refused = await spawned(folder, ['undo', file]);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toMatch(/since: 1 sector that data was moved to .*\(ERR_CHANGED_SINCE\)\n/);
    expect(readFileSync(spare).equals(changed)).toBe(true);
    const forced = await spawned(folder, ['undo', '--force', file]);
    expect(forced.status).toBe(4);
    expect(forced.stdout).toContain(
      '  left as they are: 3 places behind the region, to which data had been moved\n  of these 1 sector had been written since\n',
    );
  });

  test.each<[outside: unknown]>([
    [5],
    [[null]],
    [[{ offset: '-1', length: 512, sectors: '0'.repeat(16), before: '0'.repeat(16) }]],
    [[{ offset: '1', length: 512, sectors: '0'.repeat(16), before: '0'.repeat(16) }]],
    [[{ offset: '0', length: 2 ** 30, sectors: '', before: '' }]],
    [[{ offset: '0', length: 512, sectors: '0'.repeat(16) }]],
  ])('undo refuses a document with outside %j, however well it is sealed', async (outside) => {
    write();
    await spawned(folder, ['relocate', '--apply', spare]);
    const { region, preimage } = decodePreimage(readFileSync(backupsIn(folder)[0] ?? ''));
    const path = join(folder, 'strange');
    writeFileSync(path, sealImage(region, { ...preimage, outside }));
    const refused = await spawned(folder, ['undo', path, spare]);
    expect(refused).toMatchObject({ status: 16, stdout: '' });
    expect(refused.stderr).toContain('its document is wrong at outside (ERR_IMAGE_INVALID)');
  });
});

describe('kill -9 at every write', () => {
  test('leaves the data where the table says; the same again goes on, and undo gives the region back', async () => {
    write();
    const before = readFileSync(spare);
    const argv = ['relocate', '--apply', spare];
    for await (const { state } of killedAtEachWrite({ folder, spare }, argv, write)) {
      expect(whole()).toEqual(all);
      const middle = readFileSync(spare);
      expect([0, 1]).toContain((await spawned(folder, [...argv, '--no-backup'])).status);
      expect(whole()).toEqual(all);
      writeFileSync(spare, middle);
      const [file = ''] = backupsIn(folder, state);
      expect((await spawned(folder, ['undo', file])).status).toBe(4);
      const undone = readFileSync(spare);
      expect(undone.subarray(0, regionBytes).equals(before.subarray(0, regionBytes))).toBe(true);
    }
  });
});

test.skipIf(whyNoLoop()).each([512, 4096])(
  'on a block device with logical blocks of %i bytes',
  async (block) => {
    const group = Array.from({ length: 8 }, (_, at): Remap => [BigInt(64 + at), BigInt(176 + at)]);
    writeFileSync(spare, spareWithData('7 7 7 x 7', [...remaps, ...group]));
    const before = readFileSync(spare);
    const loop = loopDevice(spare, ['--sector-size', `${block}`]);
    try {
      expect((await spawned(folder, ['relocate', '--apply', loop.path])).status).toBe(1);
      expect(whole()).toEqual([...all, ...group.map(([original]) => `${original}`)]);
      expect((await spawned(folder, ['undo', backupsIn(folder)[0] ?? ''])).status).toBe(4);
    } finally {
      loop.detach();
    }
    expect(readFileSync(spare).subarray(0, regionBytes).equals(before.subarray(0, regionBytes))).toBe(true);
  },
);

describe('free places that the drive cannot use', () => {
  const places = (first: number, count = 1) => ({ offset: BigInt(first) * 512n, length: 4096 * count });
  /** A spare whose first two free places cannot be read; of the next two the second cannot be written. */
  function dying() {
    const device = new LyingDevice(spareWithData('7 7 7 x 7', remaps));
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'read', range: places(1280, 2) });
    device.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range: places(1320) });
    return device;
  }
  const relocateOn = (device: LyingDevice, ...options: string[]) =>
    dmremap(folder, ['relocate', '--no-backup', ...options, '/dev/spare'], {
      openDevice: async () => device,
    });

  test('are told with the option that does without them', async () => {
    for (const options of [[], ['--apply']]) {
      const device = dying();
      const { status, stderr } = await relocateOn(device, ...options);
      expect(status).toBe(8);
      expect(stderr).toContain('the free places at sector 1280 and 1288 cannot be read (ERR_IO)');
      expect(stderr).toContain('  --avoid 1280,1288 moves the data elsewhere\n');
      expect(device.count.write).toBe(0);
    }
    const { status, stderr } = await relocateOn(dying(), '--apply', '--avoid=1280,1295');
    expect(status).toBe(8);
    expect(stderr).toContain('of the free place at sector 1320; no copy was touched (ERR_IO)');
  });

  test('are avoided', async () => {
    const device = dying();
    const { status, stdout } = await relocateOn(device, '--apply', '--avoid=1280,1295,1320', '--json');
    expect(status).toBe(1);
    expect(documentOf(stdout)).toMatchObject({ inside: [{ to: '1312' }, { to: '1328' }, { to: '1336' }] });
    writeFileSync(spare, device.bytes);
    expect(whole()).toEqual(all);
  });
});
