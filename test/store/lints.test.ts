import { describe, expect, test } from 'vitest';
import { sector, unixSeconds } from '../../lib/base/units.js';
import type { Report } from '../../lib/store/examine/examine.js';
import { type LintId, lintSeverities } from '../../lib/store/examine/lint.js';
import {
  type Drawn,
  drawnNow,
  drawSlot,
  examineDocumented,
  examineSlots,
  patchSlot,
} from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

/** The lints of a report as text: id and what it is about. */
const said = ({ lints }: Report) =>
  lints.map((lint) => ('entry' in lint ? `${lint.id} @${lint.entry}` : `${lint.id} [${lint.copies}]`));

type Remaps = NonNullable<Drawn['remaps']>;

/** The lints of a table that lies in all five slots. */
const ofTable = (remaps: Remaps, drawn: Drawn = {}) => {
  const slot = drawSlot({ ...drawn, remaps });
  return said(examineSlots([slot, slot, slot, slot, slot]));
};

describe('lints of a table', () => {
  const tables: [name: string, remaps: Remaps, lints: string[]][] = [
    [
      'nothing to say',
      [
        [1n, 2000n],
        [2n, 2008n],
      ],
      [],
    ],
    ['nothing to say of no entries', [], []],
    ['the first sector behind the metadata', [[1n, 1280n]], []],
    ['the last sector of the metadata', [[1n, 1279n]], ['spare-inside-metadata @0']],
    ['the first sector of the metadata', [[1n, 0n]], ['spare-inside-metadata @0']],
    ['the last sectors of both devices', [[16_383n, 8191n]], []],
    ['beyond the main device', [[16_384n, 2000n]], ['original-out-of-range @0']],
    ['beyond the spare device', [[1n, 8192n]], ['spare-out-of-range @0']],
    [
      'as far beyond as 64 bits go',
      [[2n ** 64n - 1n, 2n ** 64n - 1n]],
      ['original-out-of-range @0', 'spare-out-of-range @0'],
    ],
    [
      'a duplicate original',
      [
        [1n, 2000n],
        [1n, 2008n],
      ],
      ['duplicate-original @0'],
    ],
    [
      'a triplicate original',
      [
        [1n, 2000n],
        [2n, 4000n],
        [1n, 2008n],
        [1n, 3000n],
      ],
      ['duplicate-original @0', 'duplicate-original @2'],
    ],
    //  What is overridden is not judged: not out of range, not in the metadata, nobody's neighbour.
    [
      'an overridden entry',
      [
        [1n, 3n],
        [2n, 2001n],
        [1n, 2016n],
      ],
      ['duplicate-original @0'],
    ],
    [
      'the same spare for an overridden entry',
      [
        [1n, 2000n],
        [1n, 2000n],
      ],
      ['duplicate-original @0'],
    ],
    [
      'one spare sector twice',
      [
        [1n, 2000n],
        [9n, 2000n],
      ],
      ['duplicate-spare @1'],
    ],
    [
      'one spare sector three times',
      [
        [1n, 2000n],
        [9n, 3000n],
        [20n, 2000n],
        [30n, 2000n],
      ],
      ['duplicate-spare @2', 'duplicate-spare @3'],
    ],
    [
      'neighbours',
      [
        [1n, 2000n],
        [9n, 2007n],
      ],
      ['spare-neighbour @1'],
    ],
    [
      'far enough apart',
      [
        [1n, 2000n],
        [9n, 2008n],
      ],
      [],
    ],
    [
      'apart as their originals are',
      [
        [10n, 2000n],
        [13n, 2003n],
      ],
      [],
    ],
    [
      'apart as their originals are, the other way round',
      [
        [13n, 2003n],
        [10n, 2000n],
      ],
      [],
    ],
    [
      'apart, but turned around',
      [
        [10n, 2003n],
        [13n, 2000n],
      ],
      ['spare-neighbour @1'],
    ],
    [
      'the later index is named, wherever it lies',
      [
        [1n, 2007n],
        [9n, 2000n],
      ],
      ['spare-neighbour @1'],
    ],
    [
      'one lint per later entry',
      [
        [1n, 2000n],
        [50n, 2003n],
        [90n, 2006n],
      ],
      ['spare-neighbour @1', 'spare-neighbour @2'],
    ],
    //  The first of the group at 2000 is shifted alike, the second is not.
    [
      'a neighbour behind a good one',
      [
        [10n, 2000n],
        [99n, 2000n],
        [13n, 2003n],
      ],
      ['duplicate-spare @1', 'spare-neighbour @2'],
    ],
  ];
  test.each(tables)('%s', (_, remaps, lints) => {
    expect(ofTable(remaps)).toEqual(lints);
  });

  test('the bounds are those of the header', () => {
    const header = { mainDeviceSectors: sector(4000), spareDeviceSectors: sector(1300) };
    expect(ofTable([[3999n, 1299n]], { header })).toEqual([]);
    expect(ofTable([[4000n, 1300n]], { header })).toEqual([
      'original-out-of-range @0',
      'spare-out-of-range @0',
    ]);
  });

  test('at the documented places both they and the region of the module are the metadata', () => {
    const slot = drawSlot({
      remaps: [
        [1n, 300n],
        [2n, 2048n],
        [3n, 1280n],
      ],
    });
    const report = examineDocumented([slot, slot, slot, slot, slot], 'documented');
    expect(said(report)).toEqual(['spare-inside-metadata @0', 'spare-inside-metadata @1']);
  });

  test('a full table of neighbours gets one lint per later entry, not one per pair', () => {
    const remaps = Array.from({ length: 2048 }, (_, n) => [BigInt(n * 3), 3000n + BigInt(n % 2)] as const);
    expect(ofTable(remaps)).toHaveLength(2046 + 2047);
  });
});

describe('lints of copies', () => {
  const disks: [disk: string, lints: string[]][] = [
    ['1 1 1 1 1', []],
    ['2 2 2 2 2', ['handover [0]']],
    ['1 x 1 - 1', ['damaged-copies [1,3]']],
    ['! 1 s 1 1', ['damaged-copies [0,2]']],
    ['x x x x x', ['damaged-copies [0,1,2,3,4]']],
    ['- - - - -', []],
    ['- - . . .', ['missing-copies [2,3,4]']],
    ['. . . . .', []],
    ['1 1 . . .', ['missing-copies [2,3,4]']],
    ['6 7 6 x 6', ['damaged-copies [3]', 'stale-copies [0,2,4]', 'handover [1]']],
    ['2r 2r 7 7 7', ['sequence-regression [0,1]', 'stale-copies [0,1]', 'handover [2]']],
    ['1 1f 1 1 1', ['fork [0,1,2,3,4]']],
    ['1 1 1 1 1+', ['fork [0,1,2,3,4]', 'future-timestamp [4]', 'clock-behind [4]']],
    ['0z 0z 0z 0z 0z', []],
  ];
  test.each(disks)('%s', (disk, lints) => {
    expect(said(examineSlots(drawDisk(disk)))).toEqual(lints);
  });

  test('a clock behind the newest copy is named before it does harm', () => {
    const report = examineSlots(drawDisk('1 1 1 1 1'), { now: unixSeconds(drawnNow - 200n) });
    expect(said(report)).toEqual(['clock-behind [0,1,2,3,4]']);
    expect(report.lints[0]?.message).toContain('101 s behind');
  });

  test('the size of the device is judged only where there is one', () => {
    const disk = drawDisk('1 1 1 1 1');
    expect(said(examineSlots(disk, { deviceSectors: sector(8192) }))).toEqual([]);
    expect(said(examineSlots(disk, { deviceSectors: sector(8191) }))).toEqual(['size-mismatch [0]']);
    expect(said(examineSlots(drawDisk('x x x x x'), { deviceSectors: sector(1) }))).toEqual([
      'damaged-copies [0,1,2,3,4]',
    ]);
  });

  describe('copies of another main device', () => {
    const uuid = (text: string) => ({ mainDeviceUuid: Buffer.from(text.padEnd(37, '\0'), 'latin1') });
    const slot = drawSlot({ sequence: 1n });
    const named = (text: string) => drawSlot({ header: uuid(text) });
    const others = (other: Uint8Array, rest = slot) =>
      examineSlots([rest, rest, other, rest, rest]).lints.filter(({ id }) => id === 'other-main');

    test.each([
      ['older', '1 1 0o 1 1'],
      ['newer', '1 1 9o 1 1'],
      ['from the future', '1 1 9+ 1 9o'],
    ])('%s ones are told by the size of main', (_, disk) => {
      const [lint] = examineSlots(drawDisk(disk)).lints;
      expect(lint).toMatchObject({ id: 'other-main', severity: 'error', copies: [0, 1, 2, 3, 4] });
      expect(lint?.message).toMatch(
        /a main device of 16384 sectors, copy \d one of 32768 sectors: .* was resized/,
      );
    });

    test('are told by the UUID of main where both name one', () => {
      expect(others(named('a'), named('b'))[0]?.message).toContain(
        'one of 16384 sectors with UUID "a": no election tells',
      );
      expect(others(named('a'), named('a'))).toEqual([]);
      expect(others(named('a'))).toEqual([]); //  The module names none.
      expect(others(named('\x1b'), named('b'))[0]?.message).toContain('UUID "\\x1b"');
    });

    test('do not count where they are damaged', () => {
      expect(others(patchSlot(slot, 120, [1], false))).toEqual([]);
    });
  });

  const indexed = (...indices: number[]) =>
    said(examineSlots(indices.map((copyIndex) => drawSlot({ copyIndex }))));

  test('a copy in the wrong slot is told by its index, where copies of its sequence disagree', () => {
    expect(indexed(0, 1, 2, 3, 4)).toEqual([]);
    expect(indexed(0, 1, 1, 3, 4)).toEqual(['misdirected-copy [2]']);
    expect(indexed(4, 1, 2, 3, 0)).toEqual(['misdirected-copy [0,4]']);
  });

  test('one index in all copies proves nothing: the module carries it along', () => {
    expect(indexed(3, 3, 3, 3, 3)).toEqual([]);
    const slots = [
      ...[2, 2].map((copyIndex) => drawSlot({ sequence: 2n, copyIndex })),
      ...[0, 0, 0].map((copyIndex) => drawSlot({ copyIndex })),
    ];
    expect(said(examineSlots(slots))).toEqual(['stale-copies [2,3,4]', 'handover [0]']);
  });

  test("in a fork each side is judged by itself: one may be numbered, and the other the module's", () => {
    const side = (original: bigint, copyIndex: number) =>
      drawSlot({ sequence: 2n, copyIndex, remaps: [[original, 3000n]] });
    const forked = (...slots: Uint8Array[]) =>
      said(examineSlots(slots)).filter((lint) => lint.startsWith('misdirected'));
    //  Ours are 0 to 2, and a power cut left the module's in 3 and 4; it carries 0, or the copy that it restored.
    expect(forked(side(1n, 0), side(1n, 1), side(1n, 2), side(9n, 0), side(9n, 0))).toEqual([]);
    expect(forked(side(1n, 0), side(1n, 1), side(1n, 2), side(9n, 2), side(9n, 2))).toEqual([]);
    expect(forked(side(9n, 0), side(9n, 0), side(1n, 2), side(1n, 3), side(1n, 4))).toEqual([]);
    expect(forked(side(1n, 0), side(1n, 1), side(1n, 2), side(1n, 3), side(9n, 0))).toEqual([]);
    //  Within one side they still have to agree.
    expect(forked(side(1n, 0), side(1n, 1), side(1n, 1), side(9n, 0), side(9n, 0))).toEqual([
      'misdirected-copy [2]',
    ]);
    expect(forked(side(9n, 0), side(9n, 0), side(1n, 4), side(1n, 3), side(1n, 4))).toEqual([
      'misdirected-copy [2]',
    ]);
  });

  test('another structure size is a warning as long as it is no known layout', () => {
    const slot = drawSlot();
    const other = drawSlot({ header: { structureSize: 84_296 } });
    expect(said(examineSlots([other, other, other, other, other]))).toEqual(['structure-size [0,1,2,3,4]']);
    expect(said(examineSlots([slot, other, slot, slot, slot]))).toEqual([
      'fork [0,1,2,3,4]',
      'structure-size [1]',
    ]);
  });

  test('ghosts are told of the copy shown', () => {
    const slot = drawSlot();
    const haunted = patchSlot(slot, 312 + 40 * 9, [1]);
    expect(said(examineSlots([haunted, haunted, haunted, haunted, haunted]))).toEqual(['ghosts [0]']);
    expect(said(examineSlots([slot, haunted, slot, slot, slot], { copy: 1 }))).toContain('ghosts [1]');
    expect(said(examineSlots([slot, haunted, slot, slot, slot]))).not.toContain('ghosts [0]');
  });

  test('the entries judged are those of the copy shown', () => {
    const slot = drawSlot({ sequence: 2n });
    const older = drawSlot({ remaps: [[1n, 5n]] });
    expect(said(examineSlots([slot, older, slot, slot, slot], { copy: 1 }))).toEqual([
      'stale-copies [1]',
      'handover [0]',
      'spare-inside-metadata @0',
    ]);
  });
});

test('every lint has the severity that the specification gives it', () => {
  const ids = (severity: string) =>
    (Object.keys(lintSeverities) as LintId[]).filter((id) => lintSeverities[id] === severity).sort();
  expect(ids('error')).toEqual([
    'damaged-copies',
    'duplicate-spare',
    'fork',
    'future-timestamp',
    'misdirected-copy',
    'original-out-of-range',
    'other-main',
    'sequence-regression',
    'size-mismatch',
    'spare-inside-metadata',
    'spare-out-of-range',
  ]);
  expect(ids('warning')).toEqual([
    'clock-behind',
    'duplicate-original',
    'foreign-signature',
    'missing-copies',
    'module-refuses',
    'pending-entries',
    'spare-neighbour',
    'stale-copies',
    'structure-size',
    'unaligned-entries',
  ]);
  expect(ids('info')).toEqual(['ghosts', 'handover']);
});

test('every message is a sentence that names what it is about', () => {
  const disks = ['x v m - s', '2r 7 7f 9+ .', '! 9h 9# 6 6', '1 1 1f . .'];
  const copies = disks.flatMap((disk) => examineSlots(drawDisk(disk), { deviceSectors: sector(1) }).lints);
  const slot = drawSlot({
    remaps: [
      [1n, 2n],
      [1n, 3n],
      [2n ** 40n, 3n],
      [3n, 2n ** 41n],
      [5n, 4n],
    ],
  });
  const entries = examineSlots([slot, slot, slot, slot, slot]).lints;
  const messages = [...copies, ...entries].map(({ message }) => message);
  expect(messages.length).toBeGreaterThan(20);
  expect(messages.filter((text) => !/^[A-Z][^\n]*\d[^\n]*\.$/.test(text))).toEqual([]);
  expect(messages.filter((text) => /undefined|null|\bNaN\b| {2}/.test(text))).toEqual([]);
});
