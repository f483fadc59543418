// Room: store, pure part. What a commit says about the disk, copy by copy, whether it succeeded or not (io-contract.md rule 9).
import { brand } from '../../base/brand.js';
import type { AbortRequest } from '../../base/cancellable.js';
import { type ErrorCode, errorCodes, OperationError, type Outcome } from '../../base/errors.js';
import type { Sequence } from '../../base/units.js';
import { assertNever } from '../../base/units.js';

/**
 * What a reader would find after a power cut now: the table from before, the new one, or one of the two. `other`: a copy
 * was named that does not win the elections, and until a new copy is durable they may find what they found before.
 */
export type Finds = 'old' | 'new' | 'either' | 'other';

/** What is known about one copy after a commit. */
export interface CopyOutcome {
  readonly copy: number;
  /** Of the new copy's bytes. */
  readonly outcome: Outcome;
  /** Its first block is zero, or may be, so that its old bytes cannot come back to life. */
  readonly disarmed: boolean;
  /**
   * Why it was not written: left out (`absent`, `unreadable`, `unsettled`; `good`: it holds the table), or the errno's name
   * of its write.
   */
  readonly reason: string | undefined;
}

/** A commit that is durable. */
export interface CommitReport {
  readonly sequence: Sequence;
  readonly copies: readonly CopyOutcome[];
  readonly finds: Finds;
  /** Copies that fit and do not hold the new table. Not empty: the store is degraded, and repair is due. */
  readonly degraded: readonly number[];
}

/** What is known once nothing of a failed commit is in flight any more. */
export type CommitFinal = Pick<CommitReport, 'copies' | 'finds'>;

/** Of work in several steps: what is known after one of them, and of those before it. */
export function withEarlier(
  copies: readonly CopyOutcome[],
  earlier: readonly CopyOutcome[] = [],
): readonly CopyOutcome[] {
  return copies.map((row) => {
    const before = earlier.find(({ copy }) => copy === row.copy);
    if (before === undefined || row.outcome !== 'untouched') return row;
    return before.outcome === 'untouched' ? { ...row, disarmed: row.disarmed || before.disarmed } : before;
  });
}

/** @param unless what it is where nothing is known to be new. */
export function findsOf(copies: readonly CopyOutcome[], unless: Exclude<Finds, 'new'> = 'old'): Finds {
  let finds: Finds = unless;
  for (const { outcome } of copies) {
    switch (outcome) {
      case 'written':
        return 'new'; //  It outranks every other copy, and it is durable.
      case 'unknown':
        if (finds === 'old') finds = 'either'; //  Torn, late, or there.
        break;
      case 'untouched':
        break;
      default:
        assertNever(outcome);
    }
  }
  return finds;
}

/** The rejection of a commit. `copies` and `finds` say what is on the disk now, `drained` what is there finally. */
export class CommitError extends OperationError<CommitFinal> {
  readonly sequence: Sequence;
  readonly copies: readonly CopyOutcome[];
  readonly finds: Finds;
  /** Of a repair or a handover: it writes the table that is elected already, so `old` is that table, whatever happened. */
  readonly sameTable: boolean;

  constructor(
    code: ErrorCode,
    message: string,
    options: {
      cause?: unknown;
      errno?: string | undefined;
      sequence: Sequence;
      copies: readonly CopyOutcome[];
      finds: Finds;
      sameTable?: boolean | undefined;
      drained: Promise<CommitFinal>;
      hold?: (() => void) | undefined;
    },
  ) {
    super(code, message, { ...options, outcome: outcomeOf(options.copies) });
    if (this.name === 'DeviceError') this.name = 'CommitError';
    this.sequence = options.sequence;
    this.copies = options.copies;
    this.finds = options.finds;
    this.sameTable = options.sameTable ?? false;
  }

  /** The same knowledge for another caller, who gave up for a reason of its own. */
  because({ code, cause }: AbortRequest): CommitError {
    const { sequence, copies, finds, sameTable } = this;
    const message = this.message.replace(errorCodes[this.code], errorCodes[code]);
    const drained = new Promise<CommitFinal>((resolve) => this.whenDrained(resolve));
    const hold = () => void this.drained;
    return new CommitError(code, message, { cause, sequence, copies, finds, sameTable, drained, hold });
  }
}

brand(CommitError, 'CommitError');

/** Of the whole: `written` where every copy that was to be written is. */
function outcomeOf(copies: readonly CopyOutcome[]): Outcome {
  if (copies.every(({ outcome, disarmed }) => outcome === 'untouched' && !disarmed)) return 'untouched';
  const done = copies.every(
    ({ outcome, reason }) => outcome === 'written' || (outcome === 'untouched' && reason !== undefined),
  );
  return done ? 'written' : 'unknown';
}
