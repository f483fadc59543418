// Room: target. The background work that makes the table durable: a dirty mark, and one worker at a time. Clean only after a
// commit that succeeded, and only if nothing was changed since it began; after a failure it stays dirty and is tried again,
// later each time, and after some tries, or where the device is gone, no more by itself: the target is degraded then, and
// says so.
import { type AbortRequest, abortRequestOf, neverStarted } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';

export interface SyncOptions {
  /** Deadline of one commit, in milliseconds. Default 5,000. */
  readonly writeTimeoutMs?: number | undefined;
  /** Tries in a row before the target is degraded. Default 5. */
  readonly attempts?: number | undefined;
  /** Before the second try; twice as long before each further one, 30 seconds at the most. Default 100. */
  readonly backoffMs?: number | undefined;
}

const defaultSync = { writeTimeoutMs: 5_000, attempts: 5, backoffMs: 100 } as const;
const maxBackoffMs = 30_000;

/** What the worker needs of its target. */
interface SyncRunner {
  isActive(): boolean;
  /** Keeps other work on the metadata out; resolves with what ends that. */
  lock(signal: AbortSignal): Promise<() => void>;
  /** Makes the table durable as it is at the call. */
  commit(options: { timeoutMs: number; signal: AbortSignal; attempt: number }): Promise<void>;
  /** Waits, or not so long where the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
}

/** What `status()` tells of it. */
export interface SyncStatus {
  readonly dirty: boolean;
  /** It has given up, until something is changed or `sync()` is called. */
  readonly degraded: boolean;
  /** Tries in a row that failed. */
  readonly failures: number;
  readonly lastError: unknown;
}

interface Waiter {
  readonly change: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SyncWork {
  readonly #runner: SyncRunner;
  readonly #options: Required<{ [Name in keyof SyncOptions]-?: number }>;
  readonly #waiters = new Set<Waiter>();
  readonly #withdrawn = new AbortController();
  /** Counts what was changed, and up to where it is durable. */
  #changed = 0;
  #durable = 0;
  #running = false;
  #failures = 0;
  #degraded = false;
  #lastError: unknown;

  constructor(runner: SyncRunner, options: SyncOptions = {}) {
    this.#runner = runner;
    this.#options = {
      writeTimeoutMs: options.writeTimeoutMs ?? defaultSync.writeTimeoutMs,
      attempts: options.attempts ?? defaultSync.attempts,
      backoffMs: options.backoffMs ?? defaultSync.backoffMs,
    };
  }

  get status(): SyncStatus {
    return {
      dirty: this.#durable < this.#changed,
      degraded: this.#degraded,
      failures: this.#failures,
      lastError: this.#lastError,
    };
  }

  /** Something was changed that is not durable. Starts the worker. */
  markDirty(): void {
    this.#changed++;
    this.#start();
  }

  /**
   * Resolves when what was changed before the call is durable. A degraded target tries again.
   * Rejections: ERR_TARGET_DEGRADED, whose cause is the last commit's error; what `signal` or the target's end asks for.
   */
  whenClean(signal: AbortSignal): Promise<void> {
    if (this.#durable >= this.#changed) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(neverStarted(abortRequestOf(signal)));
        return;
      }
      const leave = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
      };
      const onAbort = () => waiter.reject(neverStarted(abortRequestOf(signal)));
      const waiter: Waiter = {
        change: this.#changed,
        resolve: () => {
          leave();
          resolve();
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#start();
    });
  }

  /** Ends the work: the commit that is under way is aborted, and who waits gets the request's code. */
  withdraw(request: AbortRequest): void {
    this.#withdrawn.abort(request);
    for (const waiter of this.#waiters) waiter.reject(neverStarted(request));
  }

  #start(): void {
    if (this.#running || this.#withdrawn.signal.aborted) return;
    this.#running = true;
    this.#degraded = false;
    this.#failures = 0;
    void this.#work();
  }

  async #work(): Promise<void> {
    const { signal } = this.#withdrawn;
    const { attempts, backoffMs } = this.#options;
    // What was pulled does not come back by this descriptor.
    const hopeless = () => this.#failures >= attempts || (this.#failures > 0 && isVanished(this.#lastError));
    while (this.#durable < this.#changed && !hopeless()) {
      if (this.#failures > 0) {
        const wait = Math.min(maxBackoffMs, backoffMs * 2 ** (this.#failures - 1));
        await this.#runner.pause(wait, signal);
      }
      if (!this.#runner.isActive() || signal.aborted) break;
      await this.#try(signal);
    }
    // In this order and in one go: who is told may change something at once, and must find the worker gone.
    this.#running = false;
    if (hopeless()) this.#giveUp();
  }

  async #try(signal: AbortSignal): Promise<void> {
    let unlock: (() => void) | undefined;
    try {
      unlock = await this.#runner.lock(signal);
      // Once more: the target may have left while we waited for the lock.
      if (!this.#runner.isActive()) return;
      const change = this.#changed;
      const attempt = this.#failures + 1;
      await this.#runner.commit({ timeoutMs: this.#options.writeTimeoutMs, signal, attempt });
      this.#failures = 0;
      this.#lastError = undefined;
      this.#durable = change;
      for (const waiter of this.#waiters) if (waiter.change <= change) waiter.resolve();
    } catch (error) {
      this.#failures++;
      this.#lastError = error;
    } finally {
      unlock?.();
    }
  }

  #giveUp(): void {
    this.#degraded = true;
    const cause = this.#lastError;
    for (const waiter of this.#waiters) {
      waiter.reject(new DmremapError('ERR_TARGET_DEGRADED', undefined, { cause }));
    }
  }
}

const isVanished = (error: unknown): boolean =>
  error instanceof DmremapError && error.code === 'ERR_DEVICE_VANISHED';
