// Room: recovery, pure part. What somebody means who names a table: the copy that holds it (format.md rule 10).
import { DmremapError } from '../base/errors.js';
import { type Sequence, u64Max, unixSeconds } from '../base/units.js';
import { type Findings, judgeCopies } from '../store/examine/examine.js';
import { validCopies } from '../store/table/copies.js';
import { copiesText } from '../store/table/phrases.js';
import { sameButIndex } from '../store/table/table.js';

/**
 * The lowest valid copy of a sequence.
 * @throws DmremapError ERR_COPY_NOT_VALID where there is none; ERR_METADATA_AMBIGUOUS where such copies differ.
 */
export function copyOfSequence({ copies }: Findings, wanted: Sequence): number {
  const holders = validCopies(copies).filter(({ slot }) => slot.header.sequenceNumber === wanted);
  const [first] = holders;
  if (first === undefined) {
    throw new DmremapError('ERR_COPY_NOT_VALID', `no valid copy has sequence ${wanted}`);
  }
  if (holders.some(({ slot }) => !sameButIndex(slot.bytes, first.slot.bytes))) {
    const which = copiesText(holders.map(({ copy }) => copy));
    throw new DmremapError(
      'ERR_METADATA_AMBIGUOUS',
      `${which} have sequence ${wanted} and differ: name the copy`,
    );
  }
  return first.copy;
}

const endOfTime = unixSeconds(u64Max);

/**
 * The copy that is elected where no copy counts as from the future; undefined where that makes no difference, or where more
 * than one could be the right one whatever the clock says.
 */
export function copyWhateverTheClock({ copies, elections, ambiguities }: Findings): number | undefined {
  const judged = judgeCopies(copies, endOfTime);
  const { ours } = judged.elections;
  if (ours === null || judged.ambiguities.length > 0) return undefined;
  //  The module may find the same table in another copy: a commit is made of the one that is elected all the same.
  const isHidden = copies[ours.copy]?.driverRejects === 'future';
  return isHidden || ambiguities.length > 0 || elections.driver === null ? ours.copy : undefined;
}
