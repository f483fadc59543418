// `dmremap repair --ghosts`: a table that was emptied, through the real binary.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { spareImage } from '../support/disk.js';
import { cutSlot, timeOfTable } from '../support/ghosts.js';
import { folder, spare } from '../support/own-folder.js';
import { loopDevice, whyNoLoop } from '../support/scratch.js';
import { dmremap, documentOf, spawned, stateOf, undo } from './harness.js';

beforeEach(() => {
  const lost = [
    { original: 7n, spare: 2000n },
    { original: 8n, spare: 100n },
    { original: 9n, spare: 2008n },
    { original: 10n, spare: 2016n, time: timeOfTable + 2_000_000_000n },
  ];
  const elected = cutSlot(0, lost, 1n);
  const older = cutSlot(1, [...lost, { original: 11n, spare: 2024n }], 0n);
  writeFileSync(spare, spareImage([elected, elected, elected, elected, older]));
});

const listed = async (path = spare) => {
  const { entries } = documentOf((await spawned(folder, ['remap', 'list', '--json', path])).stdout);
  return (entries as { original: string; spare: string }[]).map(
    ({ original, spare: to }) => `${original}:${to}`,
  );
};

const shown = (stdout: string) =>
  stdout.replaceAll(`${folder}/`, '').replace(/^plan \d+-[0-9a-f]{32}$/m, 'plan ID');

test('check and repair say that there are ghosts, and which command shows them', async () => {
  for (const command of ['check', 'repair']) {
    const { stdout } = await spawned(folder, [command, spare]);
    const lines = stdout.split('\n').map((line) => line.trim());
    const after = (says: string) => lines[lines.findIndex((line) => line.endsWith(says)) + 1];
    expect(after('4 ghosts, entries of an emptied table:')).toBe(`dmremap repair --ghosts ${spare}`);
    expect(after('opy 4 has 1 ghost that copy 0 has not:')).toBe(
      `dmremap repair --use copy=4 --ghosts ${spare}`,
    );
  }
  const { ghosts } = documentOf((await spawned(folder, ['repair', '--json', spare])).stdout);
  expect(ghosts).toEqual({ found: 4, elsewhere: [{ copy: 4, count: 1 }], judged: null });
});

test('a repair that was not asked for them leaves them where they are', async () => {
  await spawned(folder, ['repair', '--apply', spare]);
  expect(await listed()).toEqual([]);
  expect((await spawned(folder, ['check', spare])).stdout).toContain('repair --ghosts');
});

test('the plan, for people', async () => {
  const before = stateOf(spare);
  const { status, stdout, stderr } = await spawned(folder, ['repair', '--ghosts', spare]);
  expect({ status, stderr }).toEqual({ status: 4, stderr: '' });
  expect(shown(stdout)).toMatchInlineSnapshot(`
    "spare.img: a commit of the table of copy 0, sequence 1, as sequence 2
      2 ghosts are taken back into the table.
      order  copy  does   because it
          1     4  write  has sequence 0 instead of 1
          2     1  write  holds the table, and gets the new sequence
          3     2  write  holds the table, and gets the new sequence
          4     3  write  holds the table, and gets the new sequence
          5     0  write  holds the table, and gets the new sequence
      4 ghosts, 2 of them to be taken into the table:
        index  original  spare  time (UTC)            flags   verdict
            0         7   2000  2025-10-09T08:53:20Z  ACTIVE  taken
            1         8    100  2025-10-09T08:53:20Z  ACTIVE  refused
            2         9   2008  2025-10-09T08:53:20Z  ACTIVE  taken
            3        10   2016  2025-10-09T08:53:22Z  ACTIVE  doubtful
        ghost 1: spare sector 100 lies inside the metadata region
        ghost 3: it is dated after the table that it was left behind by
      taken: the original sector and the place on the spare are free
      doubtful: taken only where --ghost-index names it
      1 ghost that is not taken is overwritten by the table, and saved before
    plan ID
    nothing was written: --apply does it
    "
  `);
  expect(stateOf(spare)).toEqual(before);
});

test('the plan that was shown is carried out, and undone byte for byte', async () => {
  const before = readFileSync(spare);
  const planned = documentOf((await spawned(folder, ['repair', '--ghosts', '--json', spare])).stdout);
  const { id } = planned.plan as { id: string };
  //  Without the ghosts it is another plan.
  const other = await spawned(folder, ['repair', '--apply', `--plan=${id}`, spare]);
  expect(other).toMatchObject({ status: 8, stderr: expect.stringContaining('(ERR_PLAN_CHANGED)') });
  expect(readFileSync(spare).equals(before)).toBe(true);

  const done = await spawned(folder, ['repair', '--apply', '--ghosts', `--plan=${id}`, '--json', spare]);
  expect(done.status).toBe(1);
  const document = documentOf(done.stdout);
  expect(document).toMatchObject({ mode: 'commit', applied: true, ghosts: planned.ghosts, left: [] });
  expect(await listed()).toEqual(['7:2000', '9:2008']);
  expect((await spawned(folder, ['check', '--json', spare])).status).toBe(0);
  undo(done.stderr, folder);
  expect(readFileSync(spare).equals(before)).toBe(true);
});

test('--ghost-index takes a doubtful one, and refuses what the table would refuse', async () => {
  const done = await spawned(folder, ['repair', '--apply', '--ghost-index=0,2-3', spare]);
  expect(done.status).toBe(1);
  expect(await listed()).toEqual(['7:2000', '9:2008', '10:2016']);
  const refused = await spawned(folder, ['repair', '--apply', '--ghost-index=100', spare]);
  expect(refused).toMatchObject({ status: 16, stdout: '' });
  expect(refused.stderr).toMatch(
    /There is no ghost 100\. \(ERR_GHOST_NOT_FOUND\)\n {2}nothing was written\n$/,
  );
});

test('inside the metadata is refused whoever asks', async () => {
  const before = stateOf(spare);
  const planned = await spawned(folder, ['repair', '--ghost-index=1', '--json', spare]);
  expect(planned.status).toBe(4);
  expect(documentOf(planned.stdout)).toMatchObject({
    mode: 'refused',
    refusal: { code: 'ERR_SPARE_IN_METADATA' },
  });
  const applied = await spawned(folder, ['repair', '--apply', '--ghost-index=1', spare]);
  expect(applied).toMatchObject({ status: 16, stdout: '' });
  expect(stateOf(spare)).toEqual(before);
});

test('--use copy=N --ghosts takes those of that copy', async () => {
  const done = await spawned(folder, ['repair', '--apply', '--use=copy=4', '--ghosts', spare]);
  expect(done.status).toBe(1);
  expect(await listed()).toEqual(['7:2000', '9:2008', '11:2024']);
});

test('in a new image; the spare is only read', async () => {
  const before = stateOf(spare);
  const output = join(folder, 'new.img');
  expect((await spawned(folder, ['repair', '--ghosts', `--output=${output}`, spare])).status).toBe(1);
  expect(await listed(output)).toEqual(['7:2000', '9:2008']);
  expect(stateOf(spare)).toEqual(before);
});

test('of a table that has none nothing is said, and nothing is to be done', async () => {
  await spawned(folder, ['create', '--force', '--main=16384', `--yes=${spare}`, '--no-backup', spare]);
  expect((await spawned(folder, ['check', spare])).stdout).not.toContain('ghost');
  const { status, stdout } = await spawned(folder, ['repair', '--ghosts', spare]);
  expect(status).toBe(0);
  expect(stdout).toMatch(/nothing to repair: .*\n {2}there are no ghosts\n/);
});

test('two thousand of them are listed in part, and all of them in JSON', async () => {
  const many = Array.from({ length: 2048 }, (_, at) => ({ original: BigInt(at), spare: 2000n + BigInt(at) }));
  const slot = cutSlot(0, many, 1n);
  writeFileSync(spare, Buffer.concat([slot, slot, slot, slot, slot]));
  const { stdout } = await dmremap(folder, ['repair', '--ghosts', spare]);
  expect(stdout.split('\n').length).toBeLessThan(50);
  expect(stdout).toContain('... and 2028 more (--json lists them)');
  const { ghosts } = documentOf((await dmremap(folder, ['repair', '--ghosts', '--json', spare])).stdout);
  expect((ghosts as { judged: unknown[] }).judged).toHaveLength(2048);
});

test.skipIf(whyNoLoop())('on a block device', async () => {
  const loop = loopDevice(spare);
  try {
    const done = await spawned(folder, ['repair', '--apply', '--ghosts', loop.path]);
    expect(done.status).toBe(1);
    expect(await listed(loop.path)).toEqual(['7:2000', '9:2008']);
  } finally {
    loop.detach();
  }
});
