// `dmremap dump`: what a table holds, for programs and for people.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drawSlot, patchSlot } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, documentOf, goldenFile, stateOf } from './harness.js';

const folder = scratchFolder();

function imageOf(name: string, slots: readonly Uint8Array[]): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(slots));
  return path;
}
const drawn = (disk: string): string =>
  imageOf(
    'drawn.img',
    drawDisk(disk).filter((slot) => slot instanceof Uint8Array),
  );

describe.each(goldenImages)('$name', ({ name, fields, remaps = [], remaps_count, now, selected }) => {
  test('is one document that the schema accepts, and holds what the manifest says', async () => {
    const path = goldenFile(folder, name);
    const before = stateOf(path);
    const { status, stdout } = await dmremap(folder, ['dump', '--json', path], {
      now: () => BigInt(now) as never,
    });
    expect(stateOf(path)).toEqual(before);
    if (selected === null) {
      expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
      return;
    }
    expect(status).toBe(0);
    const { header, entries } = documentOf(stdout) as { header: Record<string, unknown>; entries: unknown[] };
    expect(header).toMatchObject({
      mainDeviceSectors: fields?.main_sectors,
      spareDeviceSectors: fields?.spare_sectors,
      sectorSize: fields?.sector_size,
      scanIntervalHours: fields?.scan_interval_hours,
      activeRemaps: entries.length,
    });
    if (name === 'u_future') return; //  We elect the copy that the module does not.
    expect(entries).toHaveLength(remaps_count ?? -1);
    for (const { i, original, spare, ts_ns } of remaps) {
      expect(entries[i]).toMatchObject({ original, spare, timestamp: ts_ns });
    }
  });
});

test('--copy takes any valid copy, and no other', async () => {
  const path = drawn('7 7 x 6 6');
  const { stdout } = await dmremap(folder, ['dump', '--json', '--copy=3', path]);
  expect(documentOf(stdout)).toMatchObject({
    copy: 3,
    header: { sequenceNumber: '6' },
    entries: [{ original: '6' }],
  });
  expect(await dmremap(folder, ['dump', '--copy=2', path])).toMatchObject({
    status: 16,
    stdout: '',
    stderr: expect.stringMatching(/copy 2 fails its checksum .*\(ERR_COPY_NOT_VALID\)/),
  });
});

test('where copies disagree it says so, and dumps the one that we elect', async () => {
  const { status, stdout, stderr } = await dmremap(folder, ['dump', '--json', drawn('7 7f 7 6 6')]);
  expect({ status, copy: documentOf(stdout).copy }).toEqual({ status: 0, copy: 0 });
  expect(stderr).toContain('--copy N takes another');
});

test.each(['- - - - -', 'x x - v m', 's - - - -'])(
  'of %s there is nothing to dump: 4, and why',
  async (disk) => {
    const { status, stdout, stderr } = await dmremap(folder, ['dump', '--json', drawn(disk)]);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toMatch(/there is no table\. .+ \(ERR_NO_METADATA\)\n$/);
  },
);

describe('for people', () => {
  test('neighbours are one line, and what is as usual is none', async () => {
    const remaps = [10n, 11n, 12n, 20n, 13n].map((original, at) => [original, 4096n + BigInt(at)] as const);
    const { stdout } = await dmremap(folder, ['dump', imageOf('runs.img', [drawSlot({ remaps })])]);
    expect(stdout.split('\n').slice(4)).toEqual([
      '5 remaps',
      '  index  original      spare  time (UTC)            flags   effective',
      '    0-2     10-12  4096-4098  2025-10-09T08:53:20Z  ACTIVE  yes',
      '      3        20       4099  2025-10-09T08:53:20Z  ACTIVE  yes',
      '      4        13       4100  2025-10-09T08:53:20Z  ACTIVE  yes',
      '',
    ]);
  });

  test('fields that are not as the module writes them are named, and cannot steer a terminal', async () => {
    const slot = patchSlot(patchSlot(drawSlot(), 176, [0x1b, 0x5b, 0x41, 0x20]), 82_236, [9, 0, 0, 0, 0xab]);
    const { stdout } = await dmremap(folder, [
      'dump',
      imageOf('odd.img', [patchSlot(slot, 312 + 40 * 9, [1])]),
    ]);
    expect(stdout).toContain(
      '  other than in a new table: deviceModel \\x1b[A ; expansion version 0, size 9, 1\n  bytes\n',
    );
    expect(stdout).toContain('1 ghost: entries of an earlier table, behind the active ones\n');
  });

  test.each(goldenImages.filter(({ selected }) => selected !== null))(
    '$name fits 80 columns',
    async ({ name }) => {
      const { stdout } = await dmremap(folder, ['dump', imageOf('g.img', [goldenBytes(name)])]);
      for (const line of stdout.split('\n').slice(1)) expect(line.length, line).toBeLessThanOrEqual(80);
    },
  );
});
