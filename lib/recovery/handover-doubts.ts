// Room: recovery, pure part. Which ambiguities keep a handover from knowing its table. One that was interrupted leaves
// copies of sequence 1 beside older ones: regressions and forks whose newer side is the elected table itself. It goes on.

import type { Ambiguity, Findings, ReportCopy } from '../store/examine/examine.js';
import type { ValidSlot } from '../store/table/copies.js';
import { sameTable } from '../store/table/table.js';

/** What is left of the report's ambiguities once those of one and the same table are taken away. */
export const handoverDoubts = (report: Findings, elected: ValidSlot): readonly Ambiguity[] =>
  report.ambiguities.filter((ambiguity) => {
    switch (ambiguity.kind) {
      case 'other-main':
      case 'disagreement':
      case 'unaccepted':
        return true;
      case 'regression':
        return othersAmong(report, elected, ambiguity.copies).length > 0;
      case 'fork': {
        const others = othersAmong(report, elected, ambiguity.copies);
        const [first] = others;
        const atElected = ambiguity.sequence === elected.slot.header.sequenceNumber;
        const amongThemselves = others.some(({ slot }) => first && !sameTable(slot.bytes, first.slot.bytes));
        return (atElected && others.length > 0) || amongThemselves;
      }
    }
    return true;
  });

/** Those of the copies that hold another table than the elected one, or are of other devices. */
const othersAmong = (report: Findings, elected: ValidSlot, copies: readonly number[]): readonly ValidSlot[] =>
  report.copies
    .filter(
      (copy): copy is ReportCopy & ValidSlot => copies.includes(copy.copy) && copy.slot.state === 'valid',
    )
    .filter(({ slot }) => {
      const { header } = elected.slot;
      const sizes =
        slot.header.mainDeviceSectors === header.mainDeviceSectors &&
        slot.header.spareDeviceSectors === header.spareDeviceSectors;
      return !sizes || !sameTable(slot.bytes, elected.slot.bytes);
    });
