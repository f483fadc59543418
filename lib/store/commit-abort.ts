// Room: store. What a caller is told who gives up a commit before it begins, or while it goes on for others: there is no
// report of the device behind it, only what the ledger knows.
import type { AbortRequest } from '../base/cancellable.js';
import { errorCodes } from '../base/errors.js';
import type { Sequence } from '../base/units.js';
import { writableRoles } from './commit-plan.js';
import { CommitError, type CommitFinal, type CommitReport, type CopyOutcome } from './commit-report.js';
import { foundBefore } from './commit-run.js';
import type { SlotLedger } from './slot-ledger.js';

/** An abort while the commit waited for its turn, or for what it has to read first: nothing of it was issued. */
export function notBegun(
  ledger: SlotLedger,
  sequence: Sequence,
  { code, cause }: AbortRequest,
  anotherIsRunning: boolean,
): CommitError {
  const before = foundBefore(ledger);
  const finds = before === 'old' && anotherIsRunning ? 'either' : before;
  const copies = ledger.plan.map(
    ({ copy }): CopyOutcome => ({ copy, outcome: 'untouched', disarmed: false, reason: undefined }),
  );
  const drained = Promise.resolve({ copies, finds });
  const message = `${errorCodes[code]}; nothing of this commit was written`;
  return new CommitError(code, message, { cause, sequence, copies, finds, drained });
}

/** An abort of one caller of a commit that is in the middle of it: how it ends is for `drained` to tell. */
export function leftAlone(
  ledger: SlotLedger,
  sequence: Sequence,
  { code, cause }: AbortRequest,
  running: Promise<CommitReport>,
): CommitError {
  const copies = ledger.plan.map(
    ({ copy, role }): CopyOutcome =>
      writableRoles.includes(role)
        ? { copy, outcome: 'unknown', disarmed: false, reason: undefined }
        : { copy, outcome: 'untouched', disarmed: false, reason: role },
  );
  const finds = ledger.isContested ? 'other' : 'either';
  const failed = running.then(
    () => undefined,
    (error: unknown) => error,
  );
  const drained = failed.then((error): CommitFinal | Promise<CommitFinal> => {
    if (error === undefined) return running;
    if (error instanceof CommitError) return new Promise((resolve) => error.whenDrained(resolve));
    return { copies, finds };
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
