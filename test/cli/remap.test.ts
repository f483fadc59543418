// `dmremap remap remove` and `dmremap remap lookup`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawSlot, patchSlot, spareImage } from '../support/disk.js';
import { folder, spare } from '../support/own-folder.js';
import { backupsIn, dmremap, documentOf, goldenFile, stateOf, undo } from './harness.js';

/** A spare with these remaps in all of its copies. */
function spareWith(...remaps: readonly (readonly [number, number])[]): string {
  const table = remaps.map(([original, spare]) => [BigInt(original), BigInt(spare)] as const);
  const slots = [0, 1, 2, 3, 4].map((copyIndex) => drawSlot({ sequence: 4n, copyIndex, remaps: table }));
  writeFileSync(spare, spareImage(slots));
  return spare;
}

describe('remap remove', () => {
  test('takes remaps out in one commit, and says what became free and that no data was moved', async () => {
    const path = spareWith([1, 1280], [2, 1288], [3, 1296]);
    const before = stateOf(path);
    const { status, stdout, stderr } = await dmremap(folder, ['remap', 'remove', path, '3', '1']);
    expect(status).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "committed sequence 5 to copies 0, 1, 2, 3 and 4
      original  was on spare
             3          1296
             1          1280
      free again: spare sectors 1280 and 1296
      the data was not copied back: these sectors are those of the main device again
      read back: copy 0 is elected by us and by the driver
      "
    `);
    const listed = await dmremap(folder, ['remap', 'list', '--json', path]);
    expect(documentOf(listed.stdout)).toMatchObject({
      sequence: '5',
      entries: [{ original: '2', spare: '1288' }],
    });
    expect((await dmremap(folder, ['check', path])).status).toBe(0);
    undo(stderr, folder);
    expect(stateOf(path).bytes).toBe(before.bytes);
  });

  test('its document; a sector that another remap uses is not free, that of an earlier duplicate is', async () => {
    const path = spareWith([1, 1280], [1, 1296], [2, 1304], [3, 1304]);
    const { status, stdout } = await dmremap(folder, ['remap', 'remove', '--json', path, '1', '2']);
    expect(status).toBe(0);
    expect(documentOf(stdout)).toMatchObject({
      path,
      sequence: '5',
      removed: [
        { original: '1', spare: '1296' },
        { original: '2', spare: '1304' },
      ],
      freed: ['1280', '1296'],
      finds: 'new',
      degraded: [],
      readBack: { agree: true },
      backup: { file: backupsIn(folder)[0] },
    });
  });

  test.each([
    ['one that is not mapped', ['1', '5']],
    ['one that is given twice', ['1', '2', '1']],
    ['one beyond main', ['1', `${2n ** 64n - 1n}`]],
  ])('%s: none of them is removed', async (_, originals) => {
    const path = spareWith([1, 1280], [2, 1288]);
    const before = stateOf(path);
    const refused = await dmremap(folder, ['remap', 'remove', path, ...originals]);
    expect(refused).toMatchObject({ status: 16, stdout: '' });
    expect(refused.stderr).toContain('(ERR_ORIGINAL_NOT_MAPPED)\n  nothing was written\n');
    expect(stateOf(path)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  test('is refused where its commit would destroy data, also that of the remap which goes', async () => {
    const path = spareWith([1, 101], [2, 1288]);
    const before = stateOf(path);
    const refused = await dmremap(folder, ['remap', 'remove', path, '1']);
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain('(ERR_DATA_IN_METADATA)\n');
    expect(stateOf(path)).toEqual(before);
    const forced = await dmremap(folder, ['remap', 'remove', '--allow-data-in-metadata', path, '1']);
    expect(forced.status).toBe(0);
  });

  test('goes on from the copy that is named, and asks for it', async () => {
    const path = goldenFile(folder, 'u_conflict');
    const refused = await dmremap(folder, ['remap', 'remove', path, '1']);
    expect(refused.status).toBe(12);
    expect(refused.stderr).toContain('name the copy to go on from with --copy N (ERR_METADATA_AMBIGUOUS)\n');
    const argv = ['remap', 'remove', '--allow-data-in-metadata', '--copy=0', path, '1'];
    const named = await dmremap(folder, argv);
    expect(named.status).toBe(0);
    expect(named.stdout).toContain('committed sequence 10 ');
  });
});

describe('remap lookup', () => {
  test('splits a request into runs on main and on spare', async () => {
    const path = spareWith([10, 2000], [11, 2001], [12, 1280], [20, 1290], [20, 1300]);
    const { status, stdout, stderr } = await dmremap(folder, ['remap', 'lookup', path, '8+16', '11', '5000']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "original  count  is on  sector
             8      2  main        8
            10      2  spare    2000
            12      1  spare    1280
            13      7  main       13
            20      1  spare    1300
            21      3  main       21
            11      1  spare    2001
          5000      1  main     5000
      "
    `);
  });

  test('its document', async () => {
    const path = goldenFile(folder, 'u_one');
    const { status, stdout } = await dmremap(folder, ['remap', 'lookup', '--json', path, '999+3', '0+16384']);
    expect(status).toBe(0);
    expect(documentOf(stdout)).toEqual({
      schema: 'dmremap.remap-lookup/1',
      path,
      changedWhileRead: false,
      stillChanging: false,
      inUse: expect.objectContaining({ by: null }),
      geometry: 'driver',
      copy: 0,
      sequence: '2',
      lookups: [
        {
          original: '999',
          count: '3',
          runs: [
            { device: 'main', sector: '999', count: '1' },
            { device: 'spare', sector: '3000', count: '1' },
            { device: 'main', sector: '1001', count: '1' },
          ],
          pending: [],
        },
        {
          original: '0',
          count: '16384',
          runs: [
            { device: 'main', sector: '0', count: '1000' },
            { device: 'spare', sector: '3000', count: '1' },
            { device: 'main', sector: '1001', count: '15383' },
          ],
          pending: [],
        },
      ],
    });
  });

  test('of a PENDING entry it says that the module does not use it yet', async () => {
    const path = join(folder, 'pending.img');
    const slot = patchSlot(drawSlot({ remaps: [[5n, 4000n]] }), 346, [1, 0]);
    writeFileSync(path, Buffer.concat(Array.from({ length: 5 }, () => slot)));
    const text = await dmremap(folder, ['remap', 'lookup', path, '0+9', '100']);
    const says =
      'PENDING: original sector 5: the kernel module reads and writes main there until its next load';
    expect(text).toMatchObject({ status: 0, stdout: expect.stringContaining(says) });
    const json = await dmremap(folder, ['remap', 'lookup', '--json', path, '0+9', '100']);
    expect(documentOf(json.stdout).lookups).toMatchObject([{ pending: ['5'] }, { pending: [] }]);
  });

  test('--copy looks into another table; without it a doubt is told', async () => {
    const path = goldenFile(folder, 'u_conflict');
    const elected = await dmremap(folder, ['remap', 'lookup', '--json', path, '5']);
    expect(elected).toMatchObject({ status: 0, stderr: expect.stringContaining('dmremap: warning:') });
    const named = await dmremap(folder, ['remap', 'lookup', '--json', '--copy=4', path, '5']);
    expect(named).toMatchObject({ status: 0, stderr: '' });
    const runs = [elected, named].map(({ stdout }) => documentOf(stdout).lookups);
    expect(runs).toMatchObject([[{ runs: [{ device: 'main' }] }], [{ runs: [{ device: 'spare' }] }]]);
  });

  test('without a table it fails', async () => {
    const path = join(folder, 'zeros');
    writeFileSync(path, new Uint8Array(655_360));
    const ran = await dmremap(folder, ['remap', 'lookup', path, '5']);
    expect(ran).toMatchObject({
      status: 8,
      stdout: '',
      stderr: expect.stringContaining('(ERR_NO_METADATA)'),
    });
  });
});
