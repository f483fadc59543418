// Room: store. What a caller is told who gives up a commit before it begins, or while it goes on for others: there is no
// report of the device behind it, only what the ledger knows.
import type { AbortRequest } from '../../base/cancellable.js';
import { type ErrorCode, errorCodes } from '../../base/errors.js';
import type { Sequence } from '../../base/units.js';
import { CommitError, type CommitFinal, type CommitReport, type CopyOutcome } from './commit-report.js';
import { foundBefore } from './commit-run.js';
import type { SlotLedger } from './slot-ledger.js';

/** Why a caller gets no report of a commit: it gave up, or something failed before the first write. */
export interface Ending {
  readonly code: ErrorCode;
  readonly cause: unknown;
  readonly errno?: string | undefined;
  readonly message?: string | undefined;
}

/** The end of a commit that waited for its turn, or for what it has to read first: nothing of it was issued. */
export function notBegun(
  ledger: SlotLedger,
  sequence: Sequence,
  { code, cause, errno, message = errorCodes[code] }: Ending,
  anotherIsRunning: boolean,
): CommitError {
  const final = nothingOf(ledger);
  const finds = final.finds === 'old' && anotherIsRunning ? 'either' : final.finds;
  return new CommitError(code, `${message}; nothing of this commit was written`, {
    cause,
    errno,
    sequence,
    copies: final.copies,
    finds,
    drained: Promise.resolve({ copies: final.copies, finds }),
  });
}

const nothingOf = (ledger: SlotLedger): CommitFinal => ({
  copies: ledger.plan.map(
    ({ copy }): CopyOutcome => ({ copy, outcome: 'untouched', disarmed: false, reason: undefined }),
  ),
  finds: foundBefore(ledger),
});

/** An abort of one caller of a commit that is in the middle of it: how it ends is for `drained` to tell. */
export function leftAlone(
  ledger: SlotLedger,
  sequence: Sequence,
  { code, cause }: AbortRequest,
  running: Promise<CommitReport>,
): CommitError {
  const copies = ledger.plan.map(
    ({ copy, role }): CopyOutcome =>
      role === 'absent' || role === 'unreadable'
        ? { copy, outcome: 'untouched', disarmed: false, reason: role }
        : // One that is unsettled or unread may be read back first, and then be written.
          { copy, outcome: 'unknown', disarmed: false, reason: undefined },
  );
  const finds = ledger.isContested ? 'other' : 'either';
  const failed = running.then(
    () => undefined,
    (error: unknown) => error,
  );
  const drained = failed.then((error): CommitFinal | Promise<CommitFinal> => {
    if (error === undefined) return running;
    if (error instanceof CommitError) return new Promise((resolve) => error.whenDrained(resolve));
    return nothingOf(ledger);
  });
  return new CommitError(code, `${errorCodes[code]}; the commit goes on for other callers`, {
    cause,
    sequence,
    copies,
    finds,
    drained,
    hold: () =>
      void failed.then((error) => {
        if (error instanceof CommitError) void error.drained;
      }),
  });
}
