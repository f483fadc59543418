// `dmremap repair`: the plan, what --apply does, and what it says about it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { slotBytes } from '../../lib/format/structure.js';
import { goldenImages } from '../support/golden.js';
import { folder, spare } from '../support/own-folder.js';
import { backupsIn, dmremap, documentOf, drawFile, goldenFile, stateOf, undo } from './harness.js';

const drawnFile = (disk: string) => drawFile(spare, disk);

/** Runs a command on a golden image at the time that the manifest gives. */
function onGolden(name: string, ...options: readonly string[]) {
  const now = goldenImages.find((image) => image.name === name)?.now ?? 0;
  const path = join(folder, `${name}.img`);
  return dmremap(folder, ['repair', ...options, path], { now: () => BigInt(now) as never });
}

/** What a run prints that is the same in every run. */
const shown = (stdout: string) =>
  stdout.replaceAll(`${folder}/`, '').replace(/^plan \d+-[0-9a-f]{32}$/m, 'plan ID');

test('the plan of a damaged image, for people', async () => {
  goldenFile(folder, 'real_corrupt2');
  const { status, stdout, stderr } = await onGolden('real_corrupt2');
  expect({ status, stderr }).toEqual({ status: 4, stderr: '' });
  expect(shown(stdout)).toMatchInlineSnapshot(`
    "real_corrupt2.img: 2 copies to rewrite with the elected table (copy 1, sequence 5)
      Copy 1 outranks all others and the module takes it, so its sequence stays.
      order  copy  does           because it
          1     0  disarm, write  fails its checksum (stored 0x57a8fb7a, computed 0xb0ab9909)
          2     3  disarm, write  has version 65284 instead of 4
          -     1  leave          holds the table
          -     2  leave          holds the table
          -     4  leave          holds the table
      disarm: its first block is zeroed, durably, so that a torn write cannot bring it back to life
    plan ID
    nothing was written: --apply does it
    "
  `);
});

test('the plan of a commit, for people', async () => {
  const { status, stdout } = await dmremap(folder, ['repair', '--use=copy=2', drawnFile('9 9 2r 2r x')]);
  expect(status).toBe(4);
  expect(shown(stdout)).toMatchInlineSnapshot(`
    "spare.img: a commit of the table of copy 2, sequence 2, as sequence 10
      Copies 2 and 3 are newer by the clock and have a lower sequence.
      Copy 2 was named, and copy 0 outranks it.
      order  copy  does           because it
          1     4  disarm, write  fails its checksum (stored 0xda224bd4, computed 0xad257b42)
          2     1  write          has sequence 9 instead of 2
          3     3  write          holds the table, and gets the new sequence
          4     0  write          has sequence 9 instead of 2
          5     2  write          holds the table, and gets the new sequence
      disarm: its first block is zeroed, durably, so that a torn write cannot bring it back to life
    plan ID
    nothing was written: --apply does it
    "
  `);
});

describe('--apply', () => {
  test.each([
    ['u_corrupt1', []],
    ['real_corrupt2', []],
    ['u_torn', ['--allow-data-in-metadata']],
  ])('heals %s, and the second run has nothing to do', async (name, options) => {
    const path = goldenFile(folder, name);
    const before = stateOf(path);
    const planned = await onGolden(name, '--json', ...options);
    expect(planned).toMatchObject({ status: 4, stderr: '' });
    expect(documentOf(planned.stdout)).toMatchObject({
      mode: 'rewrite',
      refusal: null,
      applied: false,
      commit: null,
      left: null,
      backup: null,
      exitStatus: 4,
    });
    expect(stateOf(path)).toEqual(before);

    const healed = await onGolden(name, '--apply', '--json', ...options);
    expect(healed.status).toBe(1);
    const document = documentOf(healed.stdout);
    expect(document).toMatchObject({
      mode: 'rewrite',
      steps: documentOf(planned.stdout).steps,
      applied: true,
      commit: { finds: 'old', degraded: [], readBack: { agree: true } },
      left: [],
      backup: { file: backupsIn(folder)[0], bytes: 655_360 },
      exitStatus: 1,
    });
    const after = stateOf(path).bytes;
    expect(after).not.toBe(before.bytes);

    const again = await onGolden(name, '--apply', ...options);
    expect(again).toMatchObject({ status: 0, stderr: '' });
    expect(again.stdout).toMatch(/: nothing to repair: .*\nnothing was written\n$/);
    expect(stateOf(path).bytes).toBe(after);
    expect(backupsIn(folder)).toHaveLength(1);

    undo(healed.stderr, folder);
    expect(stateOf(path).bytes).toBe(before.bytes);
  });

  test('tells the plan, what was written and what was read back', async () => {
    const { status, stdout, stderr } = await dmremap(folder, ['repair', '--apply', drawnFile('7 x - 6 7')]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/: 3 copies to rewrite with the elected table \(copy 0, sequence 7\)\n/);
    expect(stdout).not.toContain('nothing was written');
    expect(stdout).toMatch(
      /\nrewrote copies 1, 2 and 3: sequence 7\nread back: copy 0 is elected by us and by the driver\nrepaired: every copy that fits holds the table\n$/,
    );
    expect(stderr).toMatch(/^saved the first 640\.0 KiB of /);
  });

  test('where a rewrite would not do, it commits with a new sequence', async () => {
    const path = drawnFile('7 7 7 9h 7');
    const ran = await dmremap(folder, ['repair', '--apply', '--json', path]);
    expect(ran.status).toBe(1);
    expect(documentOf(ran.stdout)).toMatchObject({
      mode: 'commit',
      source: { copy: 0, sequence: '7' },
      steps: [
        { copy: 3, order: 1, disarm: true },
        { copy: 1 },
        { copy: 2 },
        { copy: 4 },
        { copy: 0, order: 5 },
      ],
      commit: { sequence: '10', finds: 'new' },
      left: [],
    });
    expect((await dmremap(folder, ['check', path])).status).toBe(0);
  });

  test('--use copy=N decides where more than one could be the right one', async () => {
    const path = drawnFile('9 9 2r 2r 2r');
    const ran = await dmremap(folder, ['repair', '--apply', '--json', '--use=copy=2', path]);
    expect(ran.status).toBe(1);
    expect(documentOf(ran.stdout)).toMatchObject({ mode: 'commit', commit: { sequence: '10' }, left: [] });
    const listed = await dmremap(folder, ['remap', 'list', '--json', path]);
    expect(documentOf(listed.stdout).entries).toMatchObject([{ original: '2' }]);
  });

  test('--backup and --no-backup', async () => {
    const path = drawnFile('7 x 7 7 7');
    const before = stateOf(path);
    const file = join(folder, 'b.img');
    const named = await dmremap(folder, ['repair', '--apply', `--backup=${file}`, path]);
    expect(named.status).toBe(1);
    expect(stateOf(file).bytes.slice(0, 655_360)).toBe(before.bytes.slice(0, 655_360));
    undo(named.stderr, folder);
    expect(await dmremap(folder, ['repair', '--apply', `--backup=${file}`, path])).toMatchObject({
      status: 8,
    });
    expect(stateOf(path).bytes).toBe(before.bytes);
    const none = await dmremap(folder, ['repair', '--apply', '--no-backup', path]);
    expect(none).toMatchObject({ status: 1, stderr: '' });
    expect(backupsIn(folder)).toHaveLength(1); //  Of the undo.
  });
});

describe('a refusal', () => {
  test.each(['u_conflict', 'u_seqregress'])('%s lists the copies to choose from', async (name) => {
    const path = goldenFile(folder, name);
    const before = stateOf(path);
    const planned = await onGolden(name);
    expect(planned).toMatchObject({ status: 4, stderr: '' });
    expect(planned.stdout).toMatch(/REFUSED: copies .*: name the copy to go on from with --use copy=N/);
    expect(planned.stdout.match(/\n +\d +\d+ +valid/g)).toHaveLength(5);
    expect(planned.stdout).toMatch(/\nnothing was written\n$/);
    const json = await onGolden(name, '--json');
    expect(documentOf(json.stdout)).toMatchObject({
      mode: 'refused',
      refusal: { code: 'ERR_METADATA_AMBIGUOUS' },
      steps: [],
    });
    const applied = await onGolden(name, '--apply', '--json');
    expect(applied).toMatchObject({ status: 12, stdout: '' });
    expect(applied.stderr.match(/\n +\d +\d+ +valid/g)).toHaveLength(5);
    expect(applied.stderr).toMatch(/\n {2}nothing was written\n$/);
    expect(stateOf(path)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  const cases: readonly [
    what: string,
    disk: string,
    options: string[],
    plan: number,
    apply: number,
    code: string,
  ][] = [
    ['nothing at all', '- - - - -', [], 4, 8, 'ERR_NO_METADATA'],
    ['no valid copy', 'x v - g m', [], 4, 8, 'ERR_NO_METADATA'],
    ['a copy that is not valid', '7 x 7 7 7', ['--use=copy=1'], 16, 16, 'ERR_COPY_NOT_VALID'],
    ['more than one table', '7 7 7f 7 x', [], 4, 12, 'ERR_METADATA_AMBIGUOUS'],
  ];
  test.each(cases)('of %s', async (_, disk, options, planStatus, applyStatus, code) => {
    const path = drawnFile(disk);
    const before = stateOf(path);
    const planned = await dmremap(folder, ['repair', ...options, path]);
    expect(planned.status).toBe(planStatus);
    expect(planned.stdout + planned.stderr).toContain(`(${code})`);
    const applied = await dmremap(folder, ['repair', '--apply', ...options, path]);
    expect(applied).toMatchObject({ status: applyStatus, stdout: '' });
    expect(applied.stderr).toContain(`(${code})`);
    expect(applied.stderr).toContain('nothing was written');
    expect(stateOf(path)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
  });

  test.each([
    ['real_autoremap', []],
    ['u_torn', []],
    ['u_conflict', ['--use=copy=0']],
  ])('of %s, whose data lies inside the metadata region', async (name, options) => {
    const path = goldenFile(folder, name);
    const bytes = Buffer.from(stateOf(path).bytes, 'latin1');
    bytes.fill(0, 3 * slotBytes, 4 * slotBytes);
    writeFileSync(path, bytes);
    const before = stateOf(path);
    const planned = await onGolden(name, '--json', ...options);
    expect(planned.status).toBe(4);
    expect(documentOf(planned.stdout)).toMatchObject({ refusal: { code: 'ERR_DATA_IN_METADATA' } });
    const applied = await onGolden(name, '--apply', ...options);
    expect(applied).toMatchObject({ status: 8, stdout: '' });
    expect(applied.stderr).toContain(
      '(ERR_DATA_IN_METADATA)\n  `dmremap relocate` moves it out; --allow-data-in-metadata writes all the same, and may destroy it\n  nothing was written\n',
    );
    expect(stateOf(path)).toEqual(before);
    expect(backupsIn(folder)).toEqual([]);
    expect((await onGolden(name, '--apply', '--allow-data-in-metadata', ...options)).status).toBe(1);
  });

  test('of a commit where only one copy fits, unless it is allowed', async () => {
    const path = drawnFile('9+ - - - -');
    writeFileSync(path, Buffer.from(stateOf(path).bytes, 'latin1').subarray(0, slotBytes));
    const planned = await dmremap(folder, ['repair', '--json', path]);
    expect(planned.status).toBe(4);
    expect(documentOf(planned.stdout)).toMatchObject({
      mode: 'refused',
      refusal: { code: 'ERR_SINGLE_COPY' },
    });
    expect((await dmremap(folder, ['repair', '--apply', path])).status).toBe(8);
    const allowed = ['repair', '--apply', '--allow-single-copy', '--ignore-clock'];
    expect((await dmremap(folder, [...allowed, path])).status).toBe(1);
  });

  test('an empty file has nothing to repair from', async () => {
    const path = join(folder, 'empty');
    writeFileSync(path, '');
    expect(await dmremap(folder, ['repair', path])).toMatchObject({ status: 4, stderr: '' });
    expect((await dmremap(folder, ['repair', '--apply', path])).status).toBe(8);
    expect(stateOf(path).size).toBe(0n);
  });

  test('a hostile path cannot steer a terminal', async () => {
    const path = join(folder, 'a\u001b[31m\nb\u202e');
    writeFileSync(path, new Uint8Array(655_360));
    for (const options of [[], ['--apply'], ['--json']]) {
      const { stdout, stderr } = await dmremap(folder, ['repair', ...options, path]);
      expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});
