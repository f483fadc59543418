// `dmremap map`: nothing that is there is left out of the picture, however wide that is and whatever the table says.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sector } from '../../lib/base/units.js';
import { mapText } from '../../lib/cli/print/map-text.js';
import { mapOf } from '../../lib/store/examine/spare-map.js';
import { type Drawn, drawnNow, drawSlot, examineImage } from '../support/disk.js';
import { goldenImages } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { tagsOf } from '../support/svg.js';
import { dmremap, documentOf, goldenFile, stateOf } from './harness.js';

const folder = scratchFolder();

/** An image of five copies that are drawn alike. */
function image(drawn: Drawn): Uint8Array {
  const slot = drawSlot(drawn);
  const bytes = new Uint8Array(5 * slot.length);
  for (let copy = 0; copy < 5; copy++) bytes.set(slot, copy * slot.length);
  return bytes;
}

/** The picture without colour. */
function picture(drawn: Drawn, columns = 80, all = false): string[] {
  const report = examineImage(image(drawn), { now: drawnNow });
  return mapText(report, mapOf(report), 'spare.img', { paint: (_, text) => text, columns, all });
}

/** The cells below a title. */
function cells(lines: readonly string[], title: string): string {
  return lines[lines.findIndex((line) => line.startsWith(title)) + 1]?.trim() ?? '';
}

const elsewhere = sector(2n ** 64n - 1n);
const hostile: readonly [what: string, drawn: Drawn][] = [
  ['nothing remapped', {}],
  ['devices without a sector', { header: { mainDeviceSectors: sector(0), spareDeviceSectors: sector(0) } }],
  [
    'devices of 2^64 - 1 sectors',
    {
      header: { mainDeviceSectors: elsewhere, spareDeviceSectors: elsewhere },
      remaps: [[2n ** 64n - 2n, 2n ** 64n - 2n]],
    },
  ],
  ['entries beyond both devices', { remaps: [[2n ** 64n - 1n, 2n ** 64n - 1n]] }],
  [
    'one place for two',
    {
      remaps: [
        [8n, 1280n],
        [9n, 1280n],
      ],
    },
  ],
  [
    'data in the metadata',
    {
      remaps: [
        [8n, 0n],
        [16n, 1279n],
      ],
    },
  ],
];

describe('the picture', () => {
  test.each([80, 200, 10])('says where everything is, %s columns wide', (columns) => {
    const remaps = [
      [0n, 1280n],
      [8191n, 1288n],
      [16_383n, 8184n],
    ] as const;
    const lines = picture({ remaps }, columns);
    for (const title of ['Main:', 'Spare:']) {
      const drawn = cells(lines, title);
      expect(drawn.length).toBeLessThanOrEqual(Math.max(10, columns - 4));
      const counted = [...drawn].reduce((sum, cell) => sum + (cell === '.' ? 0 : Number(cell)), 0);
      expect(counted).toBe(remaps.length);
    }
    expect(cells(lines, 'Main:')).toMatch(/^1.*1$/);
    expect(lines).toContain('Remapped areas of main');
    expect(lines.at(-1)).toBe('No collisions');
    if (columns >= 80) expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
  });

  test('a cell with more than nine says so', () => {
    const remaps = Array.from({ length: 30 }, (_, at) => [BigInt(at), BigInt(1280 + 8 * at)] as const);
    expect(cells(picture({ remaps }), 'Main:')).toMatch(/^\+\.+$/);
  });

  test('areas of main: neighbours are one, and all of them are listed only where that is asked for', () => {
    const remaps = Array.from({ length: 40 }, (_, at) => {
      const original = BigInt(at < 20 ? 100 + at : 1000 + 2 * at);
      return [original, BigInt(1280 + 8 * at)] as const;
    });
    const few = picture({ remaps });
    expect(few.join('\n')).toMatch(/40 sectors remapped in 21 areas/);
    expect(few.join('\n')).toMatch(/^ +20 +100 +119 {2}1280 to 1432$/m);
    expect(few).toContain('  ... and 5 more (--all lists them)');
    expect(picture({ remaps }, 80, true).length).toBe(few.length + 4);
  });

  test('what collides is marked on both devices and in the copy that it lies in', () => {
    const lines = picture({
      remaps: [
        [8n, 0n],
        [16n, 1279n],
      ],
    });
    expect(cells(lines, 'Main:')).toMatch(/^X\.+$/);
    const rows = lines.filter((line) => /^ {2}[0-4] +\d+ {2}/.test(line));
    expect(rows.map((row) => row.includes('X'))).toEqual([true, false, false, false, true]);
    expect(lines.filter((line) => line.includes('spare-inside-metadata')).length).toBe(2);
  });

  test.each(goldenImages)(
    'of $name, as text, SVG and JSON; the image is as it was',
    async ({ name, now }) => {
      const path = goldenFile(folder, name);
      const before = stateOf(path);
      const text = await dmremap(folder, ['map', `--now=${now}`, path]);
      expect(text).toMatchObject({ status: 0, stderr: '' });
      expect(text.stdout.match(/^ {2}[0-4] +\d+ {2}.{32} /gm)?.length).toBe(5);
      const json = await dmremap(folder, ['map', '--json', `--now=${now}`, path]);
      expect(json.status).toBe(0);
      const examined = documentOf(
        (await dmremap(folder, ['examine', '--json', `--now=${now}`, path])).stdout,
      );
      const effective = (examined.entries as { effective: boolean }[]).filter((entry) => entry.effective);
      expect(documentOf(json.stdout).entries).toHaveLength(effective.length);
      const svg = await dmremap(folder, ['map', '--svg', `--now=${now}`, path]);
      expect(tagsOf(svg.stdout).length).toBeGreaterThan(20);
      expect(stateOf(path)).toEqual(before);
    },
  );

  test.each(hostile)('%s', async (what, drawn) => {
    const path = join(folder, `${what}.img`);
    writeFileSync(path, image(drawn));
    for (const option of ['--json', '--svg', '--all']) {
      const ran = await dmremap(folder, ['map', option, `--now=${drawnNow}`, path]);
      expect(ran).toMatchObject({ status: 0, stderr: '' });
      expect(ran.stdout).not.toMatch(/NaN|Infinity|undefined|null"/);
      if (option === '--json') documentOf(ran.stdout);
      if (option !== '--svg') continue;
      tagsOf(ran.stdout);
      for (const [, x] of ran.stdout.matchAll(/ x[12]?="([^"]*)"/g)) {
        expect(Number(x)).toBeGreaterThanOrEqual(0);
        expect(Number(x)).toBeLessThanOrEqual(960);
      }
    }
  });

  test('a path cannot leave its place in the SVG, nor steer a terminal', async () => {
    const path = join(folder, '<script>&"\u001b[31m.img');
    writeFileSync(path, image({}));
    const svg = (await dmremap(folder, ['map', '--svg', path])).stdout;
    expect(tagsOf(svg)).not.toContain('script');
    expect(svg).not.toContain('\u001b');
    expect((await dmremap(folder, ['map', path])).stdout).not.toContain('\u001b');
  });

  test('a picture and a document at once are refused', async () => {
    const ran = await dmremap(folder, ['map', '--svg', '--json', goldenFile(folder, 'u_one')]);
    expect(ran).toMatchObject({ status: 16, stdout: '', stderr: expect.stringContaining('ERR_USAGE') });
  });
});
