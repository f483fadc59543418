// Room: recovery, pure part. Which copy is handed over, and in which order the others are overwritten (format.md rules 6,
// 8 and 11).
//
// A handover writes sequence 1, which outranks nothing: no copy of another table may be left when the last copy of the table
// in hand is overwritten. Where the table was named, and what is given up may outrank it for good:
//
//   bring       the new copy, to one slot, where fewer than two hold the table, or the module accepts none of these
//   give up     the copies of other tables, each invalidated, durably: no torn write can leave one of them to win
//   rewrite     these
//   the rest    the copies that held the table, the one that was named last: the same command finds it until then
//
// What is brought is the new copy, and not the old bytes again: the module may reject these for their date, and where all that
// is left is rejected it overwrites everything.
import { DmremapError } from '../base/errors.js';
import { sequence } from '../base/units.js';
import type { PlannedWrite } from '../store/commit/commit-plan.js';
import type { Findings } from '../store/examine/examine.js';
import { sameTableOfMain } from '../store/examine/mains.js';
import { isValid, numbersOf, type SlotCopy, type ValidSlot, validCopies } from '../store/table/copies.js';
import { damageText } from '../store/table/phrases.js';
import { sameButIndex } from '../store/table/table.js';

/** What every handover writes. */
export const handedOver = sequence(1);

/** Whether every copy holds sequence 1 of one table already. */
export const isHandedOver = (report: Findings, source: ValidSlot): boolean =>
  source.slot.header.sequenceNumber === handedOver &&
  report.copies.every(
    ({ slot }) =>
      slot.state === 'absent' || (slot.state === 'valid' && sameButIndex(slot.bytes, source.slot.bytes)),
  );

/** The copies to be rewritten, by number: first what is not the table of the source, then what is. */
export function handoverStages(
  { copies }: Findings,
  source: ValidSlot,
): { readonly strangers: readonly number[]; readonly holders: readonly number[] } {
  const holds = (copy: SlotCopy) => isValid(copy) && sameTable(copy, source);
  return {
    strangers: numbersOf(copies.filter((copy) => copy.slot.state !== 'absent' && !holds(copy))),
    holders: numbersOf(copies.filter(holds)),
  };
}

/** What the handover of a named table does, each stage durable and read back before the next. */
interface NamedStages {
  /** Gets the new copy first; null where that is not needed. */
  readonly bring: PlannedWrite | null;
  /** Invalidated, in this order. */
  readonly giveUp: readonly number[];
  /** Then rewritten. */
  readonly rewrite: readonly PlannedWrite[];
  /** The copies that held the table; the named one is the last. */
  readonly holders: readonly PlannedWrite[];
}

/** @param order of overwriting, as of a commit that names the source. */
export function namedStages(
  report: Findings,
  source: ValidSlot,
  order: readonly PlannedWrite[],
): NamedStages {
  const stages = handoverStages(report, source);
  const inOrder = (numbers: readonly number[]) => order.filter(({ copy }) => numbers.includes(copy));
  const strangers = inOrder(stages.strangers);
  const holders = [...inOrder(stages.holders)].sort(
    (a, b) => Number(a.copy === source.copy) - Number(b.copy === source.copy),
  );
  const isAccepted = holders.some(({ copy }) => report.copies[copy]?.driverRejects === null);
  const needsAnother = strangers.length > 0 && (holders.length < 2 || !isAccepted);
  //  Of two that hold the table one can be spared; while it is written both elections find what they found before.
  const bring = needsAnother ? ((holders.length < 2 ? strangers : holders)[0] ?? null) : null;
  const left = strangers.filter((one) => one !== bring);
  const isBlank = (copy: number) => {
    const slot = report.copies[copy]?.slot;
    return slot?.state === 'damaged' && slot.damage.fault === 'blank';
  };
  return {
    bring: bring && { ...bring, last: false },
    giveUp: left.map(({ copy }) => copy).filter((copy) => !isBlank(copy)),
    //  What was given up has no first block any more.
    rewrite: left.map(({ copy }) => ({ copy, disarm: false, last: false })),
    holders: holders.filter((one) => one !== bring).map((one) => ({ ...one, last: false })),
  };
}

/**
 * The copy that a name means.
 * @throws DmremapError ERR_COPY_NOT_VALID, unless the named copy is what a handover was overwriting when it was interrupted.
 */
export function namedSource(report: Findings, copy: number): ValidSlot {
  const named = report.copies[copy];
  if (named !== undefined && isValid(named)) return named;
  const half = halfHandedOver(report);
  const slot = named?.slot;
  if (half !== null && slot?.state === 'damaged' && slot.damage.fault !== 'unreadable') return half;
  const why = slot?.state === 'damaged' ? damageText(slot.damage) : 'does not fit the device';
  throw new DmremapError('ERR_COPY_NOT_VALID', `copy ${copy} ${why}`);
}

/**
 * The elected copy, where all that is valid is one table with sequence 1: it is the only one that can have been handed over.
 * Null otherwise.
 */
export function halfHandedOver({ copies, elections: { ours } }: Findings): ValidSlot | null {
  const valid = validCopies(copies);
  const elected = valid.find(({ copy }) => copy === ours?.copy);
  if (elected === undefined) return null;
  const isDone = (one: ValidSlot) => one.slot.header.sequenceNumber === handedOver && sameTable(one, elected);
  return valid.every(isDone) ? elected : null;
}

/** The same remaps of the same two devices. */
const sameTable = (a: ValidSlot, b: ValidSlot): boolean =>
  a.slot.header.spareDeviceSectors === b.slot.header.spareDeviceSectors &&
  sameTableOfMain(a.slot.bytes, b.slot.bytes);
