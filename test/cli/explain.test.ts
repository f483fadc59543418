import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawnNow, drawSlot, patchSlot, u32Bytes } from '../support/disk.js';
import { goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile, spawned } from './harness.js';

const folder = scratchFolder();

test.each(goldenImages)(
  'examine --explain --json of $name stands up to its schema',
  async ({ name, now, selected, valid }) => {
    const ran = await dmremap(folder, [
      'examine',
      '--explain',
      '--json',
      `--now=${now}`,
      goldenFile(folder, name),
    ]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    const { explanation } = documentOf(ran.stdout);
    const accepted = valid.flatMap((accepts, copy) => (accepts ? [copy] : []));
    expect(explanation).toMatchObject({ driver: { accepted, winner: selected } });
  },
);

test('without --explain there is no explanation', async () => {
  const { stdout } = await dmremap(folder, ['examine', '--json', goldenFile(folder, 'u_one')]);
  expect(documentOf(stdout)).not.toHaveProperty('explanation');
});

test('each copy rule by rule with the figures, who falls out at which step, and where they part', async () => {
  const future = drawSlot({ sequence: 9n, timestamp: drawnNow + 86_400n + 42n });
  const count = patchSlot(drawSlot({ sequence: 8n }), 296, u32Bytes(2049));
  const image = Buffer.concat([
    future,
    drawSlot({ sequence: 4n, remaps: [] }),
    count,
    drawSlot({ sequence: 5n, remaps: [] }),
  ]);
  writeFileSync(join(folder, 'spare.img'), Buffer.concat([image, new Uint8Array(131_072)]));
  const { status, stdout } = await spawned(folder, [
    'examine',
    '--explain',
    `--now=${drawnNow}`,
    'spare.img',
  ]);
  expect(status).toBe(0);
  const from = stdout.indexOf("The driver's rules");
  expect(stdout.slice(from, stdout.indexOf('If the kernel'))).toMatchInlineSnapshot(`
    "The driver's rules, at 2025-10-09T08:53:20Z (1760000000): the first that fails ends it
      copy 0     magic 0x444d5234, version 4, checksum 0x01a9cdff, count 1, health 100, timestamp 1760086442 is 42 s after now + 86400: OUT
      copy 1     magic 0x444d5234, version 4, checksum 0xd9650cda, count 0, health 100, timestamp 1760000000 is not after now + 86400: accepted
      copy 2     magic 0x444d5234, version 4, checksum 0x6db1be81, count 2049, above 2048: OUT
      copy 3     magic 0x444d5234, version 4, checksum 0x80d12bbe, count 0, health 100, timestamp 1760000000 is not after now + 86400: accepted
      copy 4     magic 0x00000000 instead of 0x444d5234: OUT
      accepted   copies 1 and 3
      sequence   the highest is 5: copy 1 falls out
      wins       copy 3

    Our rules: the clock plays no part, and what is blank or foreign has a name
      copy 0     magic 0x444d5234, version 4, checksum 0x01a9cdff, count 1, health 100: accepted
      copy 1     magic 0x444d5234, version 4, checksum 0xd9650cda, count 0, health 100: accepted
      copy 2     magic 0x444d5234, version 4, checksum 0x6db1be81, count 2049, above 2048: OUT
      copy 3     magic 0x444d5234, version 4, checksum 0x80d12bbe, count 0, health 100: accepted
      copy 4     all 84288 bytes are zero: OUT
      accepted   copies 0, 1 and 3
      sequence   the highest is 9: copies 1 and 3 fall out
      wins       copy 0

    Where they part
      we elect copy 0, which is out with the driver: rule "future"
      the tables of the two DIFFER

    "
  `);
});
