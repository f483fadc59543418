// The one place that knows AbortSignal and deadlines. Everything asynchronous in the package is built on
// `cancellable()`, so the promise settles once, listeners never leak and arguments reject instead of throwing.
import { setMaxListeners } from 'node:events';
import { type Abortable, listen, unlisten } from './abort-listener.js';
import { brand } from './brand.js';
import { argumentError, type ErrorCode, OperationError } from './errors.js';

/** Options of every asynchronous function of the package. */
export interface CancelOptions {
  /** Aborts the operation: it rejects with an AbortError whose `cause` is `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline in milliseconds, counted from the call; 0 to 2^31 - 1. Rejects with ERR_TIMEOUT. */
  readonly timeoutMs?: number | undefined;
}

/** A promise that can be cancelled. What `.then()` returns is an ordinary promise. */
export interface Cancellable<T> extends Promise<T> {
  /** Aborts the operation with `reason` as the error's cause. After it has settled: no effect. */
  cancel(reason?: unknown): void;
}

const abortCodes = [
  'ABORT_ERR',
  'ERR_TIMEOUT',
  'ERR_DEVICE_CLOSED',
  'ERR_STORE_CLOSED',
  'ERR_TARGET_SUSPENDED',
  'ERR_TARGET_DESTROYED',
] as const satisfies readonly ErrorCode[];
type AbortCode = (typeof abortCodes)[number];

/** Whether it was asked to end, and did not fail by itself. */
export const isAbortCode = (code: ErrorCode): code is AbortCode =>
  (abortCodes as readonly ErrorCode[]).includes(code);

/** Why an operation was asked to stop: which error it rejects with. */
export class AbortRequest {
  constructor(
    readonly code: AbortCode,
    readonly cause: unknown,
  ) {}
}

brand(AbortRequest, 'AbortRequest');

export interface Settle<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

export const maxTimeoutMs = 2 ** 31 - 1;

/** One promise on its way. Made for each write: so it is one object, and nothing that it does not need is made with it. */
class Operation<T> implements Settle<T>, Abortable {
  readonly promise: Promise<T>;
  before: Abortable | undefined;
  after: Abortable | undefined;
  #abort: ((request: AbortRequest) => void) | undefined;
  #settled = false;
  #timer: NodeJS.Timeout | undefined;
  #signal: AbortSignal | undefined;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  start(options: CancelOptions | undefined, begin: Begin<T>): void {
    try {
      if (options === undefined) {
        this.#abort = begin(this);
        return;
      }
      checkCancelOptions(options);
      // Once: a caller may change its options while we work.
      const { signal, timeoutMs } = options;
      if (signal?.aborted) {
        this.reject(neverStarted(abortRequestOf(signal)));
        return;
      }
      this.#abort = begin(this);
      if (this.#settled) return;
      if (signal !== undefined) this.#listen(signal);
      if (timeoutMs !== undefined) {
        this.#timer = setTimeout(() => this.#abort?.(new AbortRequest('ERR_TIMEOUT', undefined)), timeoutMs);
      }
    } catch (error) {
      this.reject(error);
    }
  }

  resolve(value: T): void {
    if (this.#finish()) this.#resolve(value);
  }

  reject(error: unknown): void {
    if (this.#finish()) this.#reject(error);
  }

  cancel(reason: unknown): void {
    if (!this.#settled) this.#abort?.(new AbortRequest('ABORT_ERR', reason ?? defaultReason()));
  }

  onAbort(signal: AbortSignal): void {
    if (!this.#settled) this.#abort?.(abortRequestOf(signal));
  }

  #listen(signal: AbortSignal): void {
    this.#signal = signal;
    listen(signal, this);
    // By what `begin` has called: the event was over before anybody listened.
    if (signal.aborted) this.onAbort(signal);
  }

  #finish(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#signal !== undefined) unlisten(this.#signal, this);
    return true;
  }
}

type Begin<T> = (settle: Settle<T>) => (request: AbortRequest) => void;

/**
 * Runs `begin`, which begins the work and returns the function that aborts it. Whoever settles first wins; an abort
 * after that changes nothing. Where the signal is aborted already, the work is never begun.
 */
export function cancellable<T>(options: CancelOptions | undefined, begin: Begin<T>): Cancellable<T> {
  const operation = new Operation<T>();
  const promise = operation.promise as Cancellable<T>;
  promise.cancel = (reason?: unknown) => operation.cancel(reason);
  operation.start(options, begin);
  return promise;
}

/**
 * The same for work written as an async function. It gets a signal of its own, aborted with an `AbortRequest` as the
 * reason, and must pass it on; the promise settles when the function does.
 */
export function cancellableAsync<T>(
  options: CancelOptions | undefined,
  run: (signal: AbortSignal) => Promise<T>,
): Cancellable<T> {
  return cancellable<T>(options, (settle) => {
    const controller = new AbortController();
    run(controller.signal).then(
      (value) => settle.resolve(value),
      (error) => settle.reject(error),
    );
    return (request) => controller.abort(request);
  });
}

/**
 * A signal that is aborted with the first of several, and how to let go of them. Not AbortSignal.any: what hangs on a
 * signal that lives long stays there for as long.
 */
export function linkSignals(...signals: readonly AbortSignal[]): { signal: AbortSignal; unlink: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, unlink: abortWith(controller, signals) };
}

/** Aborts `controller` with the first of several signals, and lets go of them then. The function returned lets go of them before. */
export function abortWith(controller: AbortController, signals: readonly AbortSignal[]): () => void {
  setMaxListeners(0, ...signals);
  const unlink = () => {
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  };
  const onAbort = (event: Event) => {
    unlink();
    controller.abort((event.target as AbortSignal).reason);
  };
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  }
  return unlink;
}

/** The result of `work`, or what the abort asks for, whichever comes first: for work that cannot be stopped, and goes on. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(neverStarted(abortRequestOf(signal)));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The error of an operation that was aborted before it touched anything. */
export function neverStarted(request: AbortRequest): OperationError {
  return new OperationError(request.code, undefined, {
    cause: request.cause,
    outcome: 'untouched',
    drained: Promise.resolve('untouched'),
  });
}

/** The request behind an abort of a signal: ours where `cancellableAsync` made it, a plain abort otherwise. */
export function abortRequestOf(signal: AbortSignal): AbortRequest {
  const reason: unknown = signal.reason;
  // Of another version of the package it may have a code that this one does not know.
  const isRequest = reason instanceof AbortRequest && isAbortCode(reason.code);
  return isRequest ? reason : new AbortRequest('ABORT_ERR', reason);
}

const defaultReason = () => new DOMException('This operation was aborted', 'AbortError');

function checkCancelOptions(options: CancelOptions | undefined): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'options must be an object');
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'signal must be an AbortSignal');
  }
  const { timeoutMs } = options;
  if (timeoutMs === undefined) return;
  if (typeof timeoutMs !== 'number')
    throw argumentError('ERR_INVALID_ARG_TYPE', 'timeoutMs must be a number');
  if (!(timeoutMs >= 0 && timeoutMs <= maxTimeoutMs)) {
    throw argumentError('ERR_OUT_OF_RANGE', `timeoutMs must be between 0 and ${maxTimeoutMs}`);
  }
}
