// Commands that add remaps, on spares with ghosts and with copies that disagree; `remap forget`; and how they are shown.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { drawSlot } from '../support/disk.js';
import { cutSlot } from '../support/ghosts.js';
import { drawnSpare, imageOf, overwritten } from '../support/held.js';
import { folder, spare } from '../support/own-folder.js';
import { dmremap, documentOf, spawned, stateOf, undo } from './harness.js';

const lost = [
  { original: 7n, spare: 1280n },
  { original: 9n, spare: 1288n },
];

function draw(...slots: readonly Uint8Array[]): void {
  const five = Array.from({ length: 5 }, (_, copy) => slots[copy % slots.length] as Uint8Array);
  writeFileSync(spare, Buffer.concat([...five, new Uint8Array(4 * 2 ** 20 - 655_360).fill(7)]));
}

const table = (text: string): string => {
  writeFileSync(join(folder, 'remaps.csv'), text);
  return 'remaps.csv';
};

describe('an emptied table', () => {
  beforeEach(() => draw(cutSlot(0, lost)));

  test.each([
    ['remap add', () => ['remap', 'add', spare, '100']],
    ['remap add --allow-held', () => ['remap', 'add', '--allow-held', spare, '100:4096']],
    ['remap import', () => ['remap', 'import', spare, table('original,spare\n5,6000\n9,6016\n')]],
  ])('%s writes nothing, and says which commands are the ways on', async (_, argv) => {
    const words = argv();
    const before = stateOf(spare);
    const { status, stdout, stderr } = await spawned(folder, words);
    expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
    expect(stderr).toContain('(ERR_GHOST_ENTRIES)');
    const ways = [...stderr.matchAll(/^ +dmremap (.*)$/gm)].map(([, words = '']) => words.split(' '));
    expect(ways).toEqual([
      ['repair', '--ghosts', spare],
      ['remap', 'forget', spare],
    ]);
    expect(stateOf(spare)).toEqual(before);
    for (const way of ways) expect((await dmremap(folder, way)).stderr).not.toContain('(ERR_');
  });

  test('remap forget gives the ghosts up; it is undone byte for byte', async () => {
    const before = readFileSync(spare);
    const done = await spawned(folder, ['remap', 'forget', spare]);
    expect(done.status).toBe(0);
    expect(done.stdout).toMatchInlineSnapshot(`
      "committed sequence 4 to copies 0, 1, 2, 3 and 4
      index  original  was on spare  time (UTC)            flags
          0         7          1280  2025-10-09T08:53:20Z  ACTIVE
          1         9          1288  2025-10-09T08:53:20Z  ACTIVE
      gave up 2 ghosts: remaps can be added, and may overwrite the data of these
      read back: copy 0 is elected by us and by the driver
      "
    `);
    const dump = documentOf((await dmremap(folder, ['examine', '--json', spare])).stdout);
    expect(dump).toMatchObject({ ghosts: [], entries: [] });
    for (let copy = 0; copy < 5; copy++) {
      const slot = readFileSync(spare).subarray(copy * 131_072, (copy + 1) * 131_072);
      expect(slot.subarray(312, 82_232).every((byte) => byte === 0)).toBe(true);
    }
    undo(done.stderr, folder);
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect((await dmremap(folder, ['remap', 'forget', '--json', spare])).status).toBe(0);
    expect((await dmremap(folder, ['remap', 'add', spare, '100'])).stdout).toContain('100   1280');
  });

  test('remap forget, for a program', async () => {
    const document = documentOf((await dmremap(folder, ['remap', 'forget', '--json', spare])).stdout);
    expect(document).toMatchObject({
      forgotten: [
        { index: 0, original: '7', spare: '1280' },
        { index: 1, original: '9', spare: '1288' },
      ],
      commit: { sequence: '4', readBack: { agree: true } },
    });
    const before = stateOf(spare);
    const again = await dmremap(folder, ['remap', 'forget', '--json', spare]);
    expect(documentOf(again.stdout)).toMatchObject({ forgotten: [], commit: null, backup: null });
    expect((await dmremap(folder, ['remap', 'forget', spare])).stdout).toContain(
      'there are no ghosts: nothing was written',
    );
    expect(stateOf(spare)).toEqual(before);
  });

  test('check recommends both ways, and each of its commands can be carried out', async () => {
    const { stdout } = await spawned(folder, ['check', spare]);
    expect(stdout).toContain(`dmremap repair --ghosts ${spare}\n`);
    expect(stdout).toContain(`dmremap remap forget ${spare}\n`);
  });

  test('map and list say what is held back and why', async () => {
    for (const command of [['map'], ['remap', 'list']]) {
      const { stdout } = await dmremap(folder, [...command, spare]);
      expect(stdout).toContain('held back: 2 places, for 2 sectors named by ghosts');
      expect(stdout).toContain('remaps still possible: 862, once 2 ghosts are taken back or given up');
      const document = documentOf((await dmremap(folder, [...command, '--json', spare])).stdout);
      expect(document).toMatchObject({
        held: { places: 2, entries: 0, ghosts: 2, blockingGhosts: 2 },
        remapsLeft: 862,
      });
    }
    expect((await dmremap(folder, ['map', '--svg', spare])).stdout).toContain('held back: 2 places');
  });
});

test('remap forget with a removal before it leaves the table as it is', async () => {
  draw(cutSlot(2, [{ original: 1n, spare: 2000n }, { original: 2n, spare: 2008n }, ...lost]));
  expect((await dmremap(folder, ['remap', 'remove', spare, '1'])).status).toBe(0);
  expect((await dmremap(folder, ['remap', 'forget', spare])).stdout).toContain('gave up 2 ghosts');
  const { entries } = documentOf((await dmremap(folder, ['remap', 'list', '--json', spare])).stdout);
  expect(entries).toMatchObject([{ original: '2', spare: '2008' }]);
  expect((await dmremap(folder, ['remap', 'add', spare, '3'])).status).toBe(0);
});

describe('the other side of a fork', () => {
  beforeEach(() => {
    const mine = drawSlot({ remaps: [[1n, 2000n]] });
    const other = drawSlot({ remaps: [[2n, 1280n]] });
    draw(mine, mine, mine, mine, other);
  });

  test('its places are kept, refused by name, and taken where that is said', async () => {
    const refused = await dmremap(folder, ['remap', 'add', '--copy=0', spare, '100:1284']);
    expect(refused).toMatchObject({ status: 16, stdout: '' });
    expect(refused.stderr).toContain('an entry of copy 4 names sector 1280 (ERR_SPARE_HELD)');
    expect(refused.stderr).toContain('--allow-held');
    const file = table('original,spare\n5,1280\n');
    const imported = await dmremap(folder, ['remap', 'import', '--copy=0', spare, file]);
    expect(imported).toMatchObject({ status: 16, stdout: '' });
    expect(imported.stderr).toContain('(ERR_SPARE_HELD)');
    const { held, remapsLeft } = documentOf((await dmremap(folder, ['map', '--json', spare])).stdout);
    expect(held).toMatchObject({ places: 1, sectors: [{ spare: '1280', by: 'entry', copies: [4] }] });
    expect(remapsLeft).toBe(862);
    const added = await dmremap(folder, [
      'remap',
      'add',
      '--copy=0',
      '--allow-held',
      spare,
      '100:1284',
      '101',
    ]);
    expect(added.stdout).toMatch(/100 +1284\n +101 +1296\n/);
  });
});

test('whatever is added, no data that a valid copy or a ghost names is written over', {
  timeout: 120_000,
}, async () => {
  const remap = fc.tuple(fc.nat(511), fc.option(fc.integer({ min: 1280, max: 1400 }), { nil: undefined }));
  await fc.assert(
    fc.asyncProperty(
      drawnSpare,
      fc.nat(4),
      fc.array(remap, { minLength: 1, maxLength: 4 }),
      async (copies, copy, remaps) => {
        const image = imageOf(copies);
        writeFileSync(spare, image);
        const csv = remaps.map(([original, at = 1280]) => `${original},${at}\n`).join('');
        const words = remaps.map(([original, at]) =>
          at === undefined ? `${original}` : `${original}:${at}`,
        );
        const added: number[] = [];
        for (const argv of [
          ['remap', 'import', spare, table(`original,spare\n${csv}`)],
          ['remap', 'add', spare, ...words],
        ]) {
          writeFileSync(spare, image);
          const done = await dmremap(folder, [...argv, `--copy=${copy}`, '--no-backup', '--json']);
          if (done.stdout !== '') {
            const document = documentOf(done.stdout) as { added: { spare: string }[] };
            added.push(...document.added.map((one) => Number(one.spare)));
          }
          expect(overwritten(image, readFileSync(spare))).toEqual([]);
        }
        writeFileSync(spare, image);
        const shown = await dmremap(folder, ['map', '--json', `--copy=${copy}`, spare]);
        const { held } = documentOf(shown.stdout) as {
          held: { sectors: { spare: string }[]; blockingGhosts: number };
        };
        if (held.blockingGhosts > 0) expect(added).toEqual([]);
        for (const one of held.sectors) {
          for (const at of added) expect(Math.abs(at - Number(one.spare))).toBeGreaterThanOrEqual(8);
        }
      },
    ),
    { numRuns: 15 },
  );
});
