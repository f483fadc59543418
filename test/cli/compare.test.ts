import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile } from './harness.js';

const folder = scratchFolder();

test.each(goldenImages)('examine --compare --json of $name stands up to its schema', async ({ name }) => {
  const ran = await dmremap(folder, ['examine', '--compare', '--json', goldenFile(folder, name)]);
  expect(ran).toMatchObject({ status: 0, stderr: '' });
  const { comparison } = documentOf(ran.stdout) as {
    comparison: { copies: number[]; left: { copy: number }[] };
  };
  const told = [...comparison.copies, ...comparison.left.map(({ copy }) => copy)];
  expect(told.toSorted()).toEqual([0, 1, 2, 3, 4]);
});

describe('examine --compare', () => {
  const told = async (...argv: string[]) => {
    const { status, stdout } = await dmremap(folder, argv);
    expect(status).toBe(0);
    const from = stdout.indexOf('Compared:');
    return stdout.slice(from, stdout.indexOf('If the kernel', from));
  };

  test('groups what is the same, and tells the rest field by field, entry by entry, byte by byte', async () => {
    expect(await told('examine', '--compare', goldenFile(folder, 'u_torn'))).toMatchInlineSnapshot(`
      "Compared: copies 0, 1, 2, 3 and 4
        Copies 0 and 1 are the same.
        Copies 2, 3 and 4 are the same.

      Copy 0 against copy 2
        fields
          field              copy 0      copy 2
          sequence_number    8           7
          timestamp          1760000001  1760000000
          metadata_checksum  0x0e0e8fb0  0xfddb5279
          active_remaps      2           1
        entries
          original  copy 0            copy 2
                 2  -> 102 (index 1)  -
        bytes: 17 of 84288 differ, in 4 ranges
          offset  length  in
               8      20  sequence_number to metadata_checksum
             296       1  active_remaps
             352       9  remaps[1].original_sector, remaps[1].spare_sector
             370      17  remaps[1].remap_timestamp to remaps[1].flags

      Behind the structure, outside of the checksum
        copies 0, 1, 2, 3 and 4: zero, the same

      "
    `);
  });

  test('of named copies tells these only', async () => {
    const path = goldenFile(folder, 'u_conflict');
    expect(await told('examine', '--compare=3,4', path)).toMatchInlineSnapshot(`
      "Compared: copies 3 and 4
        Each of copies 3 and 4 is like no other.

      Copy 3 against copy 4
        fields
          field              copy 3      copy 4
          sequence_number    7           3
          timestamp          1760000020  1760000030
          metadata_checksum  0x567255e5  0xb535d520
          active_remaps      4           5
        entries
          original  copy 3  copy 4
                 5  -       -> 105 (index 4)
        bytes: 17 of 84288 differ, in 4 ranges
          offset  length  in
               8      20  sequence_number to metadata_checksum
             296       1  active_remaps
             472       9  remaps[4].original_sector, remaps[4].spare_sector
             490      17  remaps[4].remap_timestamp to remaps[4].flags

      Behind the structure, outside of the checksum
        copies 3 and 4: zero, the same

      "
    `);
  });

  test('says what is left out', async () => {
    expect(await told('examine', '--compare', goldenFile(folder, 'u_future'))).toContain(
      '\n  Each of copies 2, 3 and 4 is blank: not compared.\n',
    );
  });

  test('shows 20 differences of a kind, all with --all', async () => {
    const path = join(folder, 'spare.img');
    const slotOf = (name: string) => goldenBytes(name).subarray(0, 131_072);
    writeFileSync(path, Buffer.concat([slotOf('u_max2048'), slotOf('u_empty'), new Uint8Array(393_216)]));
    const rows = (text: string) =>
      text.split('\n').filter((line) => /-> \d+ \(index \d+\)/.test(line)).length;
    const some = await told('examine', '--compare', path);
    expect(rows(some)).toBe(20);
    expect(some).toContain('\n    ... and 2028 more (--all lists them)\n');
    expect(rows(await told('examine', '--compare', '--all', path))).toBe(2048);
  });
});
