// `dmremap handover`: sequence 1 on every copy, for the kernel module.
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { drawnNow, drawSlot, spareImage } from '../support/disk.js';
import { drawSlots } from '../support/draw.js';
import { folder, spare } from '../support/own-folder.js';
import { SpyDevice } from '../support/spy-device.js';
import { backupsIn, dmremap, documentOf, drawFile, goldenFile, stateOf, undo } from './harness.js';

const drawnBytes = (disk: string) => spareImage(drawSlots(disk));

const drawnFile = (disk: string) => drawFile(spare, disk);

test('check of one that was interrupted says to run it again; after that nothing is in doubt', async () => {
  const remaps = [[7n, 3000n]] as const;
  const done = drawSlot({ sequence: 1n, remaps });
  const before = drawSlot({ sequence: 7n, timestamp: drawnNow - 100n, remaps });
  writeFileSync(spare, spareImage([done, before, before, before, before]));
  const { status, stdout } = await dmremap(folder, ['check', spare]);
  expect(status).toBe(4);
  expect(stdout).toContain(`run it again:\n        dmremap handover ${spare}\n`);
  expect(stdout.match(/dmremap handover/g)).toHaveLength(1);
  expect((await dmremap(folder, ['handover', spare])).status).toBe(0);
  expect((await dmremap(folder, ['check', spare])).status).toBe(0);
});

test('rewrites every copy with sequence 1; check has no note left; the second run writes nothing', async () => {
  const path = drawnFile('7 x - 6 7');
  const before = stateOf(path);
  const done = await dmremap(folder, ['handover', path]);
  expect(done.status).toBe(0);
  expect(done.stdout.replaceAll(`${folder}/`, '')).toMatchInlineSnapshot(`
    "handed over spare.img: 1 remap of copy 0, sequence 7 before
      written with sequence 1: copies 0, 1, 2, 3 and 4
      read back: copy 0 is elected by us and by the driver
    the kernel module can take it: what it writes has sequence 2 and more
    "
  `);
  const examined = documentOf((await dmremap(folder, ['examine', '--json', path])).stdout);
  expect(examined.copies).toMatchObject(
    [0, 1, 2, 3, 4].map((copyIndex) => ({ header: { sequence: '1', timestamp: `${drawnNow}`, copyIndex } })),
  );
  expect(examined.entries).toMatchObject([{ original: '7', spare: '3000' }]);
  const checked = await dmremap(folder, ['check', path]);
  expect(checked.status).toBe(0);
  expect(checked.stdout).not.toMatch(/handover/i);

  const after = stateOf(path);
  const again = await dmremap(folder, ['handover', path]);
  expect(again).toMatchObject({ status: 0, stderr: '' });
  expect(again.stdout).toBe(
    `${path}: every copy that fits holds sequence 1 already (1 remap): nothing was written\n`,
  );
  expect(stateOf(path).bytes).toBe(after.bytes);
  expect(backupsIn(folder)).toHaveLength(1);

  undo(done.stderr, folder);
  expect(stateOf(path).bytes).toBe(before.bytes);
});

test('its document', async () => {
  const path = goldenFile(folder, 'u_hundred');
  const done = await dmremap(folder, ['handover', '--json', path]);
  expect(done.status).toBe(0);
  expect(documentOf(done.stdout)).toMatchObject({
    path,
    source: { copy: 0, sequence: '2' },
    commit: {
      sequence: '1',
      finds: 'old',
      copies: [0, 1, 2, 3, 4].map((copy) => ({ copy, outcome: 'written' })),
      degraded: [],
      readBack: { agree: true },
    },
    backup: { file: backupsIn(folder)[0] },
  });
  const again = await dmremap(folder, ['handover', '--json', path]);
  expect(documentOf(again.stdout)).toMatchObject({ source: { sequence: '1' }, commit: null, backup: null });
});

test('--copy-index zero writes what the module writes', async () => {
  const path = drawnFile('7 7 7 7 7');
  await dmremap(folder, ['handover', '--copy-index=zero', path]);
  const { stdout } = await dmremap(folder, ['examine', '--json', path]);
  expect(documentOf(stdout).copies).toMatchObject(
    [0, 0, 0, 0, 0].map((copyIndex) => ({ header: { copyIndex } })),
  );
});

describe('a refusal leaves the spare as it is, and no backup', () => {
  const cases: readonly [what: string, disk: string, status: number, code: string, says: string][] = [
    ['nothing there', '- - - - -', 8, 'ERR_NO_METADATA', 'there is no table to hand over'],
    ['a regression', '9 9 2r 2r 2r', 12, 'ERR_METADATA_AMBIGUOUS', 'dmremap handover --use copy=N '],
    ['a fork', '7 7 7f 7 7', 12, 'ERR_METADATA_AMBIGUOUS', 'name the one to hand over'],
  ];
  test.each(cases)('%s', async (_, disk, status, code, says) => {
    const path = drawnFile(disk);
    const before = stateOf(path);
    const refused = await dmremap(folder, ['handover', path]);
    expect(refused).toMatchObject({ status, stdout: '' });
    expect(refused.stderr).toContain(`(${code})`);
    expect(refused.stderr).toContain(says);
    expect(refused.stderr).toMatch(/ {2}nothing was written\n$/);
    expect(stateOf(path)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  test('data inside the metadata region', async () => {
    const path = goldenFile(folder, 'real_autoremap');
    const now = () => 1_795_400_000n as never;
    const before = stateOf(path);
    const refused = await dmremap(folder, ['handover', path], { now });
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toContain(
      '(ERR_DATA_IN_METADATA)\n  `dmremap relocate` moves it out; --allow-data-in-metadata',
    );
    expect(stateOf(path)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
    const forced = await dmremap(folder, ['handover', '--allow-data-in-metadata', path], { now });
    expect(forced.status).toBe(0);
  });

  test('one copy only', async () => {
    const path = drawnFile('7 - - - -');
    writeFileSync(path, drawnBytes('7 - - - -').subarray(0, slotBytes));
    expect(await dmremap(folder, ['handover', path])).toMatchObject({
      status: 8,
      stderr: expect.stringContaining('(ERR_SINGLE_COPY)\n  --allow-single-copy writes all the same\n'),
    });
    expect((await dmremap(folder, ['handover', '--allow-single-copy', path])).status).toBe(0);
  });

  test('a copy that cannot be read, with the command that helps', async () => {
    class WornDevice extends MemoryDevice {
      protected override transfer(step: Parameters<MemoryDevice['transfer']>[0]) {
        if (step.kind === 'read' && step.offset === BigInt(slotBytes)) {
          return { outcome: 'unknown', error: 5 } as const;
        }
        return super.transfer(step);
      }
    }
    const device = new WornDevice(drawnBytes('7 7 7 7 7'));
    const refused = await dmremap(folder, ['handover', '/dev/spare'], { openDevice: async () => device });
    expect(refused).toMatchObject({ status: 8, stdout: '' });
    expect(refused.stderr).toMatch(
      /^dmremap: \/dev\/spare: copy 1 cannot be read \(EIO\).* \(ERR_IO\)\n {2}dmremap repair --apply --rewrite-unreadable \/dev\/spare rewrites it/,
    );
  });
});

test('a write error ends it, and a reader finds the elected table', async () => {
  const spy = new SpyDevice(new MemoryDevice(drawnBytes('7 7 6 7 7')));
  spy.faults.push({ offset: BigInt(2 * slotBytes), errno: 'EIO' });
  const failed = await dmremap(folder, ['handover', '--no-backup', '/dev/spare'], {
    openDevice: async () => spy,
  });
  expect(failed).toMatchObject({ status: 8, stdout: '' });
  expect(failed.stderr).toMatch(/a reader finds the elected table \(ERR_COMMIT_PARTIAL\)\n/);
  expect(failed.stderr).toContain(
    'a reader would find now: the elected table; the same command again goes on\n',
  );
});

describe('--use names the table', () => {
  const handover = (...argv: readonly string[]) => dmremap(folder, ['handover', ...argv, spare]);

  test('at the end of the sequence, as every refusal and check say', async () => {
    const path = drawnFile('M Mf M M M');
    const before = stateOf(path);
    for (const argv of [
      ['repair', '--apply', '--use=copy=1', path],
      ['remap', 'add', '--copy=1', path, '99'],
    ]) {
      const refused = await dmremap(folder, argv);
      expect(refused.stderr).toMatch(/\(handover --use copy=1\)\.? \(ERR_SEQUENCE_EXHAUSTED\)/);
    }
    const unnamed = await handover();
    expect(unnamed).toMatchObject({ status: 12, stdout: '' });
    expect(unnamed.stderr).toContain(`dmremap handover --use copy=N ${path} (ERR_METADATA_AMBIGUOUS)`);
    const { stdout } = await dmremap(folder, ['check', path]);
    expect(stdout).toContain(`dmremap handover --use copy=0 ${path}\n`);
    expect(stdout).toContain(`dmremap handover --use copy=1 ${path}\n`);
    expect(stdout).not.toContain('dmremap repair');
    expect(stateOf(path)).toEqual(before);

    const done = await handover('--use=copy=1');
    expect(done.status, done.stderr).toBe(0);
    expect(done.stdout).toContain('1 remap of copy 1, sequence 18446744073709551615 before');
    expect(done.stdout).toContain('written with sequence 1: copies 0, 1, 2, 3 and 4');
    expect((await dmremap(folder, ['check', path])).status).toBe(0);
    expect((await handover('--use=copy=1')).stdout).toContain('nothing was written');
    expect((await dmremap(folder, ['remap', 'add', path, '99'])).stdout).toContain('committed sequence 2');
  });

  test('by its sequence; undo puts all of it back', async () => {
    const path = drawnFile('M 5 x M -');
    const before = stateOf(path);
    const done = await handover('--use=seq=5');
    expect(done.status, done.stderr).toBe(0);
    const { stdout } = await dmremap(folder, ['remap', 'list', '--json', path]);
    expect(documentOf(stdout)).toMatchObject({ entries: [{ original: '5' }] });
    //  Its copies are overwritten: it is the one that is there now.
    expect((await handover('--use=seq=5')).status).toBe(0);
    undo(done.stderr, folder);
    expect(stateOf(path).bytes).toBe(before.bytes);
  });

  test.each([
    ['--use=file=x', "bad value 'file=x' for --use: copy=N or seq=N"],
    ['--use=copy=9', "bad number '9'"],
    ['--use=', "bad value '' for --use"],
  ])('%s is a usage error', async (option, says) => {
    drawnFile('7 7 7 7 7');
    expect(await handover(option)).toMatchObject({ status: 16, stderr: expect.stringContaining(says) });
  });

  test.each([
    ['copy=1', 'copy 1 fails its checksum'],
    ['seq=9', 'no valid copy has sequence 9'],
  ])('%s that is not valid is refused, and nothing is written', async (use, says) => {
    const path = drawnFile('7 x 7 6 7');
    const before = stateOf(path);
    const refused = await handover('--use', use);
    expect(refused).toMatchObject({ status: 16, stdout: '', stderr: expect.stringContaining(says) });
    expect(refused.stderr).toContain('(ERR_COPY_NOT_VALID)');
    expect(stateOf(path)).toEqual(before);
  });
});
