// Room: store. Group commit: who shares which commit. One has the turn; callers that come meanwhile share the next one,
// which takes the table as it is when its turn comes, so each is acknowledged by a commit that holds its change. An abort
// of one of them settles at once and ends the commit only when nobody else waits for it.
import { setMaxListeners } from 'node:events';
import {
  type AbortRequest,
  abortRequestOf,
  abortWith,
  type Cancellable,
  cancellable,
  isAbortCode,
  type Settle,
} from '../../base/cancellable.js';
import { type ErrorCode, errorCodes, OperationError } from '../../base/errors.js';
import type { Sequence } from '../../base/units.js';
import type { CommitOptions } from '../store-options.js';
import { CommitError, type CommitFinal, type CommitReport, type CopyOutcome } from './commit-report.js';
import { foundBefore } from './commit-run.js';
import type { Turn, Turns } from './serializer.js';
import type { SlotLedger } from './slot-ledger.js';

/** What the queue needs of the store. */
interface CommitRunner {
  /** Aborted with the store or its device: then every commit ends. */
  readonly ending: readonly AbortSignal[];
  /** One commit, with the table as it is at the call. */
  run(options: CommitOptions, signal: AbortSignal): Promise<CommitReport>;
  /** The error of a caller whose commit was not begun. */
  notBegun(ending: Ending, anotherIsRunning: boolean): CommitError;
  /** The error of a caller who gave up a commit that goes on for others; `final` is that commit. */
  leftAlone(request: AbortRequest, final: Promise<CommitReport>): CommitError;
}

interface Caller {
  readonly settle: Settle<CommitReport>;
  /** Why it has given up. */
  left: AbortRequest | undefined;
}

interface Group extends Turn {
  readonly options: CommitOptions;
  readonly callers: Set<Caller>;
  /** Its turn has come: nobody joins any more, whatever is called while it starts. */
  started: boolean;
  /** From its start to its end: aborted when the last caller has left, and with what ends every commit. */
  controller: AbortController | undefined;
  running: Promise<CommitReport> | undefined;
  /** The abort that ended it, where one did. */
  endedBy: AbortRequest | undefined;
}

/** A controller that ends with what ends every commit. */
interface Linked {
  readonly controller: AbortController;
  readonly unlink: () => void;
  /** How many more commits it may serve: what a device leaves on the signal must not pile up. */
  uses: number;
}

const usesOfOne = 64;

export class CommitQueue {
  readonly #runner: CommitRunner;
  readonly #turns: Turns;
  /** The one that callers may join. */
  #last: Group | undefined;
  /** Of a commit that nobody has aborted, for the next one: making one costs as much as making the blocks of a copy. */
  #spare: Linked | undefined;

  constructor(turns: Turns, runner: CommitRunner) {
    this.#turns = turns;
    this.#runner = runner;
  }

  /** Where nobody has the turn this commit is with the device when the call returns. */
  commit(options: CommitOptions = {}): Cancellable<CommitReport> {
    return cancellable<CommitReport>(options, (settle) => {
      const caller: Caller = { settle, left: undefined };
      const group = this.#join(caller, options);
      return (request) => this.#leave(group, caller, request);
    });
  }

  /** With the last group that waits, if it is of the same kind: what one caller allows holds for nobody else. */
  #join(caller: Caller, options: CommitOptions): Group {
    const { allowUnsafe = false, allowDataInMetadata = false, unsettled = 'reject' } = options;
    const last = this.#last;
    const fits =
      last !== undefined &&
      last.options.allowUnsafe === allowUnsafe &&
      last.options.allowDataInMetadata === allowDataInMetadata &&
      last.options.unsettled === unsettled;
    if (fits) {
      last.callers.add(caller);
      return last;
    }
    const group: Group = {
      options: { allowUnsafe, allowDataInMetadata, unsettled },
      callers: new Set([caller]),
      started: false,
      controller: undefined,
      running: undefined,
      endedBy: undefined,
      start: () => this.#start(group),
      ended: () => this.#tell(group),
    };
    this.#last = group;
    this.#turns.take(group);
    return group;
  }

  #start(group: Group): Promise<CommitReport> {
    group.started = true;
    if (this.#last === group) this.#last = undefined;
    const linked = this.#linked();
    group.controller = linked.controller;
    const { signal } = linked.controller;
    group.running = signal.aborted
      ? Promise.reject(this.#runner.notBegun(abortRequestOf(signal), false))
      : this.#runner.run(group.options, signal);
    const end = () => {
      group.controller = undefined;
      linked.uses -= 1;
      if (signal.aborted || linked.uses === 0) linked.unlink();
      else this.#spare = linked;
    };
    group.running.then(end, end);
    return group.running;
  }

  #linked(): Linked {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare?.controller.signal.aborted === false) return spare;
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    return { controller, unlink: abortWith(controller, this.#runner.ending), uses: usesOfOne };
  }

  /** Once the commit has ended. */
  #tell(group: Group): void {
    (group.running as Promise<CommitReport>).then(
      (report) => {
        for (const { settle } of group.callers) settle.resolve(report);
      },
      (error: unknown) => {
        for (const caller of group.callers) caller.settle.reject(this.#errorFor(group, caller, error));
      },
    );
  }

  #leave(group: Group, caller: Caller, request: AbortRequest): void {
    if (caller.left !== undefined || !group.callers.has(caller)) return;
    caller.left = request;
    if (!group.started) {
      group.callers.delete(caller);
      caller.settle.reject(this.#runner.notBegun(request, true));
      if (group.callers.size > 0) return;
      if (this.#last === group) this.#last = undefined;
      this.#turns.withdraw(group);
      return;
    }
    // One signal may end several of them: only when all have heard of it is known whether anybody stays.
    queueMicrotask(() => {
      const staying = [...group.callers].some(({ left }) => left === undefined);
      if (!staying) {
        group.endedBy ??= request;
        group.controller?.abort(request);
        return;
      }
      group.callers.delete(caller);
      caller.settle.reject(this.#runner.leftAlone(request, group.running as Promise<CommitReport>));
    });
  }

  /** Each caller gets the reason of its own abort; what is known of the disk is the same for all. */
  #errorFor({ endedBy }: Group, { left }: Caller, error: unknown): unknown {
    if (!(error instanceof OperationError)) return error;
    const ended = isAbortCode(error.code);
    const aborted = ended && error.code !== 'ERR_DEVICE_CLOSED' && error.code !== 'ERR_STORE_CLOSED';
    if (error instanceof CommitError) {
      return aborted && left !== undefined && left !== endedBy ? error.because(left) : error;
    }
    if (aborted && left !== undefined) return this.#runner.notBegun(left, false);
    const { code, errno, message, cause } = error;
    return this.#runner.notBegun({ code, errno, message, cause: ended ? cause : error }, false);
  }
}

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
