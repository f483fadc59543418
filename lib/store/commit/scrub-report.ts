// Room: store, pure part. What a scrub says of the copies, one by one, from what was read and what the ledger makes of it.
import type { ErrorCode } from '../../base/errors.js';
import { assertNever, type Sequence } from '../../base/units.js';
import type { DecodedSlot } from '../../format/codec.js';
import type { Damage } from '../../format/damage.js';
import { sealedHeader } from '../examine/election.js';
import { type SlotCopy, validCopies } from '../table/copies.js';
import { refusalOf } from './admission.js';
import type { SlotLedger } from './slot-ledger.js';

/**
 * What a scrub found in a slot.
 *
 * | state         | the slot                                                        | the next commit            |
 * |---------------|-----------------------------------------------------------------|----------------------------|
 * | `intact`      | holds the table that the store goes on from                     | writes it                  |
 * | `misdirected` | holds that table as another copy's, the others under their own  | writes it whole            |
 * | `stale`       | holds another table that this store found at its opening, or    | writes it whole, before    |
 * |               | has written: of a write that was lost, or was aborted           | any intact one             |
 * | `damaged`     | holds no valid copy: see `damage`                               | the same, disarmed first   |
 * | `unreadable`  | cannot be read: see `damage`                                    | writes it whole where      |
 * |               |                                                                 | nothing can be lost by it  |
 * | `foreign`     | was written by somebody else                                    | is refused                 |
 * | `unread`      | was not read: a write to it failed, or was aborted and drained  | reads it back first        |
 * | `unsettled`   | was not read: an aborted write may still land                   | leaves it out              |
 * | `absent`      | does not fit the device                                         | leaves it out              |
 */
export type ScrubState =
  | 'intact'
  | 'misdirected'
  | 'stale'
  | 'damaged'
  | 'unreadable'
  | 'foreign'
  | 'unread'
  | 'unsettled'
  | 'absent';

/** One copy after a scrub. */
export interface ScrubbedCopy {
  /** 0 to 4. */
  readonly copy: number;
  readonly state: ScrubState;
  /** Of a copy whose checksum holds; null of any other. */
  readonly sequence: Sequence | null;
  /** What is wrong with the bytes, or with reading them; null where nothing is, or where the slot was not read. */
  readonly damage: Damage | null;
}

/** What a scrub found. */
export interface ScrubReport {
  /** Five, lowest number first. */
  readonly copies: readonly ScrubbedCopy[];
  /** Whether a commit would mend something. It would with no change of the table too. */
  readonly needsRepair: boolean;
  /**
   * The code with which the next commit is refused: ERR_ANOTHER_WRITER where a copy is foreign, or was at an earlier scrub;
   * ERR_IO where no copy can be read.
   */
  readonly code: ErrorCode | undefined;
}

/** @param reads what the slots held that were read, by copy number; the ledger has taken them in. */
export function scrubReport(
  ledger: SlotLedger,
  reads: ReadonlyMap<number, DecodedSlot>,
  path: string,
): ScrubReport {
  const displaced = misdirected(ledger, reads);
  const copies = ledger.plan.map(({ copy }): ScrubbedCopy => {
    const slot = reads.get(copy);
    return {
      copy,
      state: displaced.has(copy) ? 'misdirected' : stateOf(ledger, copy, slot),
      sequence: (slot && sealedHeader(slot)?.sequenceNumber) ?? null,
      damage: slot?.state === 'damaged' ? slot.damage : null,
    };
  });
  const code = refusalOf(ledger, path)?.code;
  const mended = ({ copy, state }: ScrubbedCopy) =>
    mendedStates.includes(state) || ledger.roleOf(copy) === 'faded';
  return { copies, needsRepair: code === undefined && copies.some(mended), code };
}

const mendedStates: readonly ScrubState[] = ['misdirected', 'stale', 'damaged', 'unread'];

function stateOf(ledger: SlotLedger, copy: number, slot: DecodedSlot | undefined): ScrubState {
  const role = ledger.roleOf(copy);
  switch (role) {
    case 'absent':
    case 'unsettled':
    case 'unread':
    case 'foreign':
      return role;
    case 'unreadable':
    case 'faded':
      return 'unreadable';
    case 'blank':
    case 'damaged':
    case 'other':
    case 'elected':
    case 'twin':
    case 'named':
      if (slot?.state !== 'valid') return 'damaged';
      return ledger.isReference(slot.bytes) ? 'intact' : 'stale';
    default:
      return assertNever(role);
  }
}

/** As the lint of this name: the copies disagree about their numbers, and these are not the slot's own. */
function misdirected(ledger: SlotLedger, reads: ReadonlyMap<number, DecodedSlot>): ReadonlySet<number> {
  const copies = Array.from(
    reads,
    ([copy, slot]): SlotCopy => ({ copy, offset: ledger.offsetOf(copy), slot }),
  );
  const holders = validCopies(copies).filter(({ slot }) => ledger.isReference(slot.bytes));
  const numbers = new Set(holders.map(({ slot }) => slot.header.copyIndex));
  const wrong = holders.filter(({ copy, slot }) => numbers.size > 1 && slot.header.copyIndex !== copy);
  return new Set(wrong.map(({ copy }) => copy));
}
