// A spare with copies of two main devices (format.md rule 2): nothing is written before a copy is named, and the
// spare as well.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { drawnNow, examineImage, patchSlot, spareImage } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { folder, spare } from '../support/own-folder.js';
import { backupsIn, dmremap, documentOf, type Overrides } from './harness.js';

/** Copy 2 is newer, and of a main twice the size. */
const mixed = () => drawDisk('7 7 9o 7 7') as Uint8Array<ArrayBuffer>[];
/** The same, with the data of the one remap of the others behind the structure of copy 0. */
const inside = () => mixed().map((slot, copy) => (copy === 2 ? slot : patchSlot(slot, 320, [200, 0])));

function write(slots: readonly Uint8Array[]): Buffer {
  const image = spareImage(slots);
  writeFileSync(spare, image);
  return image;
}

beforeEach(() => {
  writeFileSync(join(folder, 'remaps.csv'), 'original,spare\n99,3008\n');
});

interface Row {
  readonly name: string;
  readonly words: readonly string[];
  readonly naming: string;
  readonly behind?: readonly string[];
  readonly slots?: () => Uint8Array[];
  readonly done: number;
}

const rows: readonly Row[] = [
  { name: 'repair', words: ['repair', '--apply'], naming: '--use=copy=0', done: 1 },
  { name: 'remap add', words: ['remap', 'add'], naming: '--copy=0', behind: ['99'], done: 0 },
  { name: 'remap remove', words: ['remap', 'remove'], naming: '--copy=0', behind: ['7'], done: 0 },
  { name: 'remap import', words: ['remap', 'import'], naming: '--copy=0', behind: ['remaps.csv'], done: 0 },
  { name: 'handover', words: ['handover'], naming: '--use=copy=0', done: 0 },
  { name: 'relocate', words: ['relocate', '--apply'], naming: '--copy=0', slots: inside, done: 1 },
];

describe.each(rows)('$name', ({ words, naming, behind = [], slots = mixed, done }) => {
  const go = (more: readonly string[], overrides: Overrides = {}) =>
    dmremap(
      folder,
      [...words, ...more, spare, ...behind.map((one) => one.replace('remaps', join(folder, 'remaps')))],
      overrides,
    );
  const untouched = (before: Buffer) => {
    expect(readFileSync(spare).equals(before)).toBe(true);
    expect(backupsIn(folder)).toEqual([]);
  };

  test.each([[[]], [['--yes=spare.img']]])('writes nothing where no copy is named, %j', async (more) => {
    const before = write(slots());
    const ran = await go(more);
    expect(ran.status).toBe(12);
    expect(ran.stderr).toMatch(
      /a main device of 16384 sectors, copy 2 one of 32768 sectors.*\(ERR_METADATA_AMBIGUOUS\)/s,
    );
    untouched(before);
  });

  test('writes nothing where the spare is not named, and says how', async () => {
    const before = write(slots());
    for (const overrides of [{}, { ask: async () => 'spare' }, { ask: async () => undefined }]) {
      const ran = await go([naming], overrides);
      expect(ran.status).toBe(8);
      expect(ran.stderr).toContain('(ERR_OTHER_MAIN)');
      untouched(before);
    }
    expect((await go([naming])).stderr).toContain('--yes=NAME, with the name of the spare');
  });

  test.each([
    ['--yes', ['--yes=spare.img'], {}],
    ['an answer', [], { ask: async () => 'spare.img' }],
  ] as const)('writes where both are named, by %s', async (_, more, overrides) => {
    write(slots());
    const ran = await go([naming, ...more], overrides);
    expect(ran.status, ran.stderr).toBe(done);
    const { copies, ambiguities } = examineImage(readFileSync(spare), { now: drawnNow });
    expect(ambiguities).toEqual([]);
    for (const { slot } of copies) expect(slot).toMatchObject({ header: { mainDeviceSectors: 16_384n } });
  });
});

test('check names the mains, how to find the right one, and a command for each that works', async () => {
  write(mixed());
  const { status, stdout } = await dmremap(folder, ['check', spare]);
  expect(status).toBe(4);
  expect(stdout).toMatch(/^.*: AMBIGUOUS: /);
  expect(stdout.replace(/\s+/g, ' ')).toContain(
    '8388608 bytes (copies 0, 1, 3 and 4); 16777216 bytes (copy 2)',
  );
  expect(stdout).toContain('lsblk --bytes');
  for (const copy of [0, 2]) {
    expect(stdout).toContain(`dmremap repair --use copy=${copy} ${spare}\n`);
    const plan = await dmremap(folder, ['repair', '--use', `copy=${copy}`, spare]);
    expect(plan.stdout).toContain('--apply does it, with the name of the spare as well (--yes=NAME)');
    expect(plan.stdout).not.toContain('REFUSED');
    const { stdout: json } = await dmremap(folder, ['repair', '--json', '--use', `copy=${copy}`, spare]);
    expect(documentOf(json)).toMatchObject({ mode: 'commit', refusal: null, wantsName: true });
  }
  const { stdout: json } = await dmremap(folder, ['check', '--json', spare]);
  expect(documentOf(json)).toMatchObject({
    verdict: 'ambiguous',
    activation: { verdict: 'keeps' },
    lints: [{ id: 'other-main', severity: 'error', copies: [0, 1, 2, 3, 4] }, {}, {}],
  });
});
