import { describe, expect, test } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import type { ActivationVerdict } from '../../lib/store/examine/activation.js';
import {
  blankSlot,
  drawnNow,
  drawSlot,
  examineDocumented,
  examineSlots,
  patchSlot,
} from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

const rows: [disk: string, ActivationVerdict, reasons?: RegExp][] = [
  ['7 7 7 7 7', 'keeps'],
  ['7 6 6 6 6', 'keeps'],
  ['6+ 6 6 6 6', 'keeps'], //  Another copy than ours, the same table.
  ['s 6 6 6 6', 'keeps'],
  ['7+ 6 6 6 6', 'stale', /Copy 0 is dated more than a day after now/],
  ['9i - - - -', 'stale', /foreign layout "i386"/],
  ['9i 6 6 6 6', 'stale', /not that of copy 1/],
  ['. . . . .', 'none', /no room/],
  ['s - - - -', 'foreign', /"shell-stub"/],
  ['s 7+ x - -', 'foreign'], //  Foreign is named before what it stands beside.
  ['7+ 7+ 7+ 7+ 7+', 'wipes', /Each of copies 0, 1, 2, 3 and 4 is dated more than a day after now/],
  ['0z - - - -', 'wipes', /never wins/],
  ['x - - - -', 'wipes', /checksum/],
  ['v - - - -', 'wipes', /version 5/],
  ['- 9h - - -', 'wipes', /health score 101/],
  ['- - 9# - -', 'wipes', /2049 entries/],
  ['- - - m -', 'wipes', /magic number/], //  Version and size still stand at their places.
  ['- - - - !', 'wipes', /EIO/], //  Nobody knows that it was nothing.
  ['- - - - -', 'empty', /create/],
  ['g g g g g', 'empty'],
  ['- - . . .', 'empty'],
];

describe('what the module would do', () => {
  test.each(rows)('%s: %s', (disk, verdict, reasons) => {
    const { activation } = examineSlots(drawDisk(disk));
    expect(activation.verdict).toBe(verdict);
    if (reasons) expect(activation.reasons.join('\n')).toMatch(reasons);
    expect(activation.reasons.length === 0).toBe(verdict === 'keeps');
    // What it writes over something reaches the disk up to half a minute later: the one rescue is said where it can be needed.
    const isLoss = verdict === 'wipes' || verdict === 'foreign';
    expect(activation.reasons.some((reason) => /cut the power now/.test(reason))).toBe(isLoss);
  });

  test('without the magic it takes both version and size at their places to be ours', () => {
    const headless = patchSlot(drawSlot(), 0, [0], false);
    const verdictOf = (slot: Uint8Array) => examineSlots([slot]).activation.verdict;
    expect(verdictOf(headless)).toBe('wipes');
    expect(verdictOf(patchSlot(headless, 4, [3], false))).toBe('empty');
    expect(verdictOf(patchSlot(headless, 32, [0x41], false))).toBe('empty');
  });

  test('a clock that is a day behind has the module wipe everything', () => {
    const disk = drawDisk('7 7 7 7 7');
    expect(examineSlots(disk).activation.verdict).toBe('keeps');
    expect(examineSlots(disk, { now: unixSeconds(drawnNow - 2n * 86_400n) }).activation.verdict).toBe(
      'wipes',
    );
  });

  test('it is judged at the places of the driver, whatever geometry is shown', () => {
    const copy = drawSlot({ sequence: 7n });
    const slots = [blankSlot(), blankSlot(), copy, copy, copy];
    const report = examineDocumented(slots, 'auto');
    expect(report).toMatchObject({
      geometry: 'documented',
      elections: { driver: { copy: 2 }, ours: { copy: 2 } },
      activation: { verdict: 'empty' },
    });
  });
});
