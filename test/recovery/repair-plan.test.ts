// What a repair would do, as drawn disks (format.md rule 10). The words are those of test/support/draw.ts.
import { describe, expect, it } from 'vitest';
import { planRepair, type RepairOptions } from '../../lib/recovery/repair-plan.js';
import { examineSlots } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

function planned(disk: string, options: RepairOptions = {}) {
  const plan = planRepair(examineSlots(drawDisk(disk)), options);
  const writes = plan.writes.map(({ copy, disarm }) => `${disarm ? 'd' : ''}${copy}`).join(' ');
  const left = plan.left.map(({ copy }) => copy).join(' ');
  return { mode: plan.mode, code: plan.code, source: plan.source?.copy, writes, left };
}

describe('a repair', () => {
  it.each([
    //  disk          mode       from  writes       because
    ['7 7 7 7 7', 'nothing', 0, '', 'all is well'],
    ['7 7 . . .', 'nothing', 0, '', 'what does not fit is not missing'],
    ['7 x - m 7', 'rewrite', 0, '2 d1 d3', 'blank before damaged, and damaged ones are disarmed'],
    ['x 7 7 6 6', 'rewrite', 1, 'd0 3 4', 'stale ones last'],
    ['7 v 5 g s', 'rewrite', 0, 'd1 d3 d4 2', 'whatever it is that is wrong'],
    ['7 ! 7 7 7', 'nothing', 0, '', 'what cannot be read is left alone'],
    ['7 7 7 9h 7', 'commit', 0, 'd3', 'the sequence of a copy with a bad health is to be risen above'],
    ['9+ 9+ 9+ 9+ 9+', 'commit', 0, '', 'the module takes none of them'],
    ['0z 0z 0z 0z 0z', 'commit', 0, '', 'the module takes none of them'],
  ] as [string, string, number, string, string][])(
    'of %s is %s from copy %i, writing "%s": %s',
    (disk, mode, source, writes) => {
      expect(planned(disk)).toMatchObject({ mode, source, writes, code: undefined });
    },
  );

  it.each([
    ['x x - v g', 'ERR_NO_METADATA'],
    ['- - - - -', 'ERR_NO_METADATA'],
    ['9 9 2r 2r 2r', 'ERR_METADATA_AMBIGUOUS'],
    ['7 7 7f 7f 7', 'ERR_METADATA_AMBIGUOUS'],
    ['9+ 9+ 7 7 7', 'ERR_METADATA_AMBIGUOUS'],
  ])('of %s is refused with %s', (disk, code) => {
    expect(planned(disk)).toMatchObject({ mode: 'refused', code, writes: '' });
  });

  it.each([
    ['9 9 2r 2r 2r', 2, '0 1'],
    ['9 9 2r 2r 2r', 0, '2 3 4'],
    ['7 7 7f 7f 7', 3, '0 1 4'],
    ['9+ 9+ 7 7 7', 0, '2 3 4'],
  ])('of %s is a commit where copy %i is named', (disk, copy, writes) => {
    expect(planned(disk, { copy })).toMatchObject({ mode: 'commit', source: copy, writes });
  });

  it('rewrites what cannot be read only if it is told to, disarming it first', () => {
    expect(planned('7 ! 6 7 7')).toMatchObject({ mode: 'refused', code: 'ERR_IO', writes: '' });
    expect(planned('7 ! 6 7 7', { rewriteUnreadable: true })).toMatchObject({ writes: 'd1 2', left: '' });
  });

  it('refuses a named copy that is not valid', () => {
    expect(planned('7 x 7 7 7', { copy: 1 })).toMatchObject({ mode: 'refused', code: 'ERR_COPY_NOT_VALID' });
  });

  it('says why, for each copy', () => {
    const plan = planRepair(examineSlots(drawDisk('7 x - 6 7')));
    expect(plan.writes.map(({ copy, why }) => `copy ${copy} ${why}`)).toEqual([
      'copy 2 is blank',
      expect.stringMatching(/^copy 1 fails its checksum/),
      'copy 3 has sequence 6 instead of 7',
    ]);
    expect(plan.reasons).toEqual([
      'Copy 0 outranks all others and the module takes it, so its sequence stays.',
    ]);
  });
});
