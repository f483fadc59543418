// Room: store. Group commit: who shares which commit. One runs at a time; callers that come meanwhile share the next one,
// which takes the table as it is when its turn comes, so each is acknowledged by a commit that holds its change. An abort
// of one of them settles at once and ends the commit only when nobody else waits for it.
import {
  type AbortRequest,
  abortRequestOf,
  type Cancellable,
  cancellable,
  linkSignals,
} from '../base/cancellable.js';
import { OperationError } from '../base/errors.js';
import type { Ending } from './commit-abort.js';
import { CommitError, type CommitReport } from './commit-report.js';
import type { CommitOptions } from './store-options.js';

/** What the queue needs of the store. */
export interface CommitRunner {
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
  readonly resolve: (report: CommitReport) => void;
  readonly reject: (error: unknown) => void;
  /** Why it has given up. */
  left: AbortRequest | undefined;
}

interface Group {
  readonly options: CommitOptions;
  readonly callers: Set<Caller>;
  /** Aborted when the last caller has left. */
  readonly controller: AbortController;
  /** Its turn has come: nobody joins any more, whatever is called while it starts. */
  started: boolean;
  running: Promise<CommitReport> | undefined;
  /** The abort that ended it, where one did. */
  endedBy: AbortRequest | undefined;
}

export class CommitQueue {
  readonly #runner: CommitRunner;
  /** The first one is running. */
  readonly #groups: Group[] = [];
  #idle: (() => void)[] = [];

  constructor(runner: CommitRunner) {
    this.#runner = runner;
  }

  /** Without a commit under way this one is with the device when the call returns. */
  commit(options: CommitOptions = {}): Cancellable<CommitReport> {
    return cancellable<CommitReport>(options, ({ resolve, reject }) => {
      const caller: Caller = { resolve, reject, left: undefined };
      const group = this.#join(caller, options);
      return (request) => this.#leave(group, caller, request);
    });
  }

  /** Resolves when no commit is under way or waits. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#groups.length === 0) resolve();
      else this.#idle.push(resolve);
    });
  }

  /** With the last group that waits, if it is of the same kind: what one caller allows holds for nobody else. */
  #join(caller: Caller, options: CommitOptions): Group {
    const { allowUnsafe = false, allowDataInMetadata = false, unsettled = 'reject' } = options;
    const last = this.#groups.at(-1);
    const fits =
      last !== undefined &&
      !last.started &&
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
      controller: new AbortController(),
      started: false,
      running: undefined,
      endedBy: undefined,
    };
    this.#groups.push(group);
    if (this.#groups.length === 1) this.#start(group);
    return group;
  }

  #start(group: Group): void {
    group.started = true;
    const { signal, unlink } = linkSignals(group.controller.signal, ...this.#runner.ending);
    group.running = signal.aborted
      ? Promise.reject(this.#runner.notBegun(abortRequestOf(signal), false))
      : this.#runner.run(group.options, signal);
    const end = (tell: (caller: Caller) => void) => {
      unlink();
      this.#groups.shift();
      // First, so that nobody who hears of this commit finds the store between two.
      const next = this.#groups[0];
      if (next !== undefined) this.#start(next);
      for (const caller of group.callers) tell(caller);
      // A turn later: whoever closes the store comes after those whose commit that has ended.
      if (next === undefined) for (const idle of this.#idle.splice(0)) setImmediate(idle);
    };
    group.running.then(
      (report) => end(({ resolve }) => resolve(report)),
      (error: unknown) => end((caller) => caller.reject(this.#errorFor(group, caller, error))),
    );
  }

  #leave(group: Group, caller: Caller, request: AbortRequest): void {
    if (caller.left !== undefined || !group.callers.has(caller)) return;
    caller.left = request;
    if (!group.started) {
      group.callers.delete(caller);
      caller.reject(this.#runner.notBegun(request, true));
      if (group.callers.size > 0) return;
      this.#groups.splice(this.#groups.indexOf(group), 1);
      return;
    }
    // One signal may end several of them: only when all have heard of it is known whether anybody stays.
    queueMicrotask(() => {
      const staying = [...group.callers].some(({ left }) => left === undefined);
      if (!staying) {
        group.endedBy ??= request;
        group.controller.abort(request);
        return;
      }
      group.callers.delete(caller);
      caller.reject(this.#runner.leftAlone(request, group.running as Promise<CommitReport>));
    });
  }

  /** Each caller gets the reason of its own abort; what is known of the disk is the same for all. */
  #errorFor({ endedBy }: Group, { left }: Caller, error: unknown): unknown {
    if (!(error instanceof OperationError)) return error;
    const aborted = error.code === 'ABORT_ERR' || error.code === 'ERR_TIMEOUT';
    if (error instanceof CommitError) {
      return aborted && left !== undefined && left !== endedBy ? error.because(left) : error;
    }
    if (aborted && left !== undefined) return this.#runner.notBegun(left, false);
    const { code, errno, message, cause } = error;
    const ended = code === 'ERR_DEVICE_CLOSED' || code === 'ERR_STORE_CLOSED' || aborted;
    return this.#runner.notBegun({ code, errno, message, cause: ended ? cause : error }, false);
  }
}
