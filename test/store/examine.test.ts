import { describe, expect, test } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import { examine } from '../../lib/store/examine/examine.js';
import {
  blankSlot,
  drawSlot,
  examineDocumented,
  examineImage,
  examineSlots,
  patchSlot,
} from '../support/disk.js';
import { drawDisk, drawWord } from '../support/draw.js';
import { goldenBytes, goldenImages } from '../support/golden.js';

describe.each(goldenImages)('$name', (golden) => {
  const report = examineImage(goldenBytes(golden), { now: unixSeconds(golden.now) });

  test('the module accepts and elects what the manifest says', () => {
    expect(report.copies.map(({ driverRejects }) => driverRejects === null)).toEqual(golden.valid);
    expect(report.elections.driver?.copy ?? null).toBe(golden.selected);
    if (golden.kernel_verdict) {
      expect(`${report.elections.driver?.sequence}`).toBe(golden.kernel_verdict.sequence);
      expect(report.elections.driver?.copy).toBe(golden.kernel_verdict.selected);
    }
  });

  test('the state of each copy is that of the manifest, the clock aside', () => {
    const states = golden.copies.map((copy) => {
      if (copy.present === false) return 'absent';
      return copy.magic_ok && copy.version === 4 && copy.checksum_ok ? 'valid' : 'damaged';
    });
    expect(report.copies.map(({ slot }) => slot.state)).toEqual(states);
  });
});

const goldenFindings: [name: string, verdict: string, doubts: string, lints: string][] = [
  ['u_empty', 'keeps', '', 'handover'],
  ['u_one', 'keeps', '', 'handover'],
  ['u_hundred', 'keeps', '', `handover pending-entries ${'spare-neighbour '.repeat(99)}`.trim()],
  ['u_max2048', 'keeps', '', 'handover'], //  Spare sectors follow each other as their originals do.
  ['u_corrupt1', 'keeps', '', 'damaged-copies handover'],
  [
    'u_conflict',
    'keeps',
    'regression fork',
    'sequence-regression fork clock-behind stale-copies handover ' +
      'spare-inside-metadata spare-inside-metadata spare-inside-metadata',
  ],
  ['u_torn', 'keeps', '', 'clock-behind stale-copies handover spare-inside-metadata spare-inside-metadata'],
  [
    'u_seqregress',
    'keeps',
    'regression',
    'sequence-regression clock-behind stale-copies handover spare-inside-metadata',
  ],
  //  Copy 0 is from the future and empty like copy 1: two copies, one table.
  ['u_future', 'keeps', '', 'damaged-copies future-timestamp clock-behind stale-copies handover'],
  ['u_short300k', 'keeps', '', 'missing-copies handover spare-inside-metadata'],
  ['real_empty', 'keeps', '', 'handover'],
  ['real_three', 'keeps', '', 'handover pending-entries'],
  [
    'real_autoremap',
    'keeps',
    '',
    'handover pending-entries spare-inside-metadata spare-inside-metadata spare-neighbour',
  ],
  ['real_corrupt2', 'keeps', '', 'damaged-copies handover pending-entries'],
  ['real_crash3s', 'empty', '', 'damaged-copies'],
];
test('every golden image is judged', () => {
  expect(goldenFindings.map(([name]) => name)).toEqual(goldenImages.map(({ name }) => name));
});

test.each(goldenFindings)('%s: the module %s, doubts: %s', (name, verdict, doubts, lints) => {
  const golden = goldenImages.find((image) => image.name === name);
  const report = examineImage(goldenBytes(name), { now: unixSeconds(golden?.now ?? 0) });
  expect({
    verdict: report.activation.verdict,
    doubts: report.ambiguities.map(({ kind }) => kind).join(' '),
    lints: report.lints.map(({ id }) => id).join(' '),
  }).toEqual({ verdict, doubts, lints });
});

describe('the geometry', () => {
  const copy = drawSlot();
  const blank = blankSlot();

  test.each([
    ['nothing anywhere', [blank, blank, blank, blank, blank], 'driver'],
    ['only the documented places hold something', [blank, blank, copy, copy, copy], 'documented'],
    ['a shell stub at a documented place', [blank, blank, drawWord('s'), blank, blank], 'documented'],
    ['damage of ours at a documented place', [blank, blank, blank, blank, drawWord('x')], 'documented'],
    ['bytes of somebody else there', [blank, blank, drawWord('g'), blank, blank], 'driver'],
    //  Sectors 0 and 1024 belong to both.
    ['sector 0 holds something too', [copy, copy, copy, copy, copy], 'driver'],
    ['sector 1024 holds something too', [blank, copy, copy, copy, copy], 'driver'],
    ['bytes of somebody else at sector 0', [drawWord('g'), blank, copy, copy, copy], 'documented'],
  ] as const)('%s: %s', (_, slots, geometry) => {
    expect(examineDocumented(slots, 'auto').geometry).toBe(geometry);
  });

  test('the one that is asked for is taken', () => {
    expect(examineDocumented([copy, copy, copy, copy, copy], 'documented')).toMatchObject({
      geometry: 'documented',
      copies: [0n, 524_288n, 1_048_576n, 2_097_152n, 4_194_304n].map((offset) => ({ offset })),
      activation: { verdict: 'keeps' },
    });
    expect(examineDocumented([blank, blank, copy, copy, copy], 'driver')).toMatchObject({
      geometry: 'driver',
      shown: null,
    });
  });

  test('the copies of the other geometry are handed out too', () => {
    const states = (asked: 'driver' | 'documented') =>
      examineDocumented([blank, blank, copy, copy, copy], asked).otherCopies.map(({ slot }) => slot.state);
    expect(states('driver')).toEqual(['damaged', 'damaged', 'valid', 'valid', 'valid']);
    expect(states('documented')).toEqual(Array(5).fill('damaged'));
  });

  test('a slot that does not fit is absent, whatever was read', () => {
    const report = examineSlots(drawDisk('1 1 1 1 1'), { sizeBytes: 262_143n });
    expect(report.copies.map(({ slot }) => slot.state)).toEqual(['valid', ...Array(4).fill('absent')]);
    expect(examineSlots(drawDisk('1 1 1 1 1'), { sizeBytes: 0n }).activation.verdict).toBe('none');
  });

  test('what was not read is absent', () => {
    const report = examine({
      reads: { driver: [{ kind: 'bytes', bytes: copy }], documented: [] },
      sizeBytes: 655_360n,
      now: unixSeconds(0n),
      geometry: 'driver',
    });
    expect(report.copies.map(({ slot }) => slot.state)).toEqual(['valid', ...Array(4).fill('absent')]);
  });
});

describe('the copy shown', () => {
  const newer = drawSlot({
    sequence: 2n,
    remaps: [
      [1n, 2000n],
      [1n, 2008n],
    ],
  });
  const older = patchSlot(drawSlot({ remaps: [[7n, 3000n]] }), 312 + 40 * 5, [9]);
  const slots = [older, newer, newer, newer, drawWord('x')];

  test('it is our elected one, entry by entry', () => {
    const report = examineSlots(slots);
    expect(report.shown?.copy).toBe(1);
    expect(
      report.entries.map(({ index, spareSector, effective }) => [index, spareSector, effective]),
    ).toEqual([
      [0, 2000n, false],
      [1, 2008n, true],
    ]);
    expect(report.ghosts).toEqual([]);
  });

  test('or the one that is named, and the elections stay as they are', () => {
    const report = examineSlots(slots, { copy: 0 });
    expect(report).toMatchObject({
      shown: { copy: 0 },
      elections: { ours: { copy: 1 } },
      entries: [{ originalSector: 7n }],
      ghosts: [{ index: 5, originalSector: 9n, effective: false }],
    });
  });

  test.each([
    [4, 'ERR_COPY_NOT_VALID', /copy 4 fails its checksum/],
    [5, 'ERR_OUT_OF_RANGE', /0 to 4/],
    [-1, 'ERR_OUT_OF_RANGE', /0 to 4/],
    [0.5, 'ERR_OUT_OF_RANGE', /0 to 4/],
  ])('copy %d cannot be shown: %s', (copy, code, message) => {
    expect(() => examineSlots(slots, { copy })).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test('an absent copy cannot be shown', () => {
    expect(() => examineSlots(drawDisk('1 . . . .'), { copy: 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_COPY_NOT_VALID' }),
    );
  });
});

test('examining changes no byte that it was handed', () => {
  const image = goldenBytes('u_conflict');
  const before = image.slice();
  examineImage(image);
  expect(Buffer.compare(image, before)).toBe(0);
});
