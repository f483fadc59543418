// One request on its way: what a device's engine is given, what it answers, and how that becomes a settled promise.
// Shared by every engine, so that an outcome means the same whatever moved the bytes.
import { constants } from 'node:os';
import type { AbortRequest, Settle } from '../base/cancellable.js';
import { type ErrorCode, OperationError, type Outcome } from '../base/errors.js';
import type { ByteOffset } from '../base/units.js';
import { BatchError, overallOutcome, type WriteReport } from './device.js';

export type StepKind = 'read' | 'write' | 'flush';

export interface Step {
  readonly kind: StepKind;
  readonly offset: ByteOffset;
  /** The source of a write, the target of a read, empty for a flush. */
  readonly bytes: Uint8Array;
}

export interface RequestSpec {
  readonly groups: readonly (readonly Step[])[];
  readonly durable: boolean;
}

export interface StepResult {
  /** `written` stands for done, whatever the kind. */
  readonly outcome: Outcome;
  /** errno; 0 for none; `unsettledError` where the write was refused behind one that may still land. */
  readonly error: number;
}

export const unsettledError = 4096;

export interface RequestListener {
  /** Exactly once. `drained` is false while something of the request is in flight. */
  settled(results: readonly StepResult[], drained: boolean): void;
  /** Once, after a settlement that was not drained. */
  drained(results: readonly StepResult[]): void;
}

/** What a pending request needs of its device. */
export interface Owner {
  /** Hands the request to the engine; returns the function that aborts it. */
  issue(spec: RequestSpec, listener: RequestListener): () => void;
  /** It was settled with a write in flight. */
  unsettled(pending: Pending): unknown;
  drained(pending: Pending): unknown;
  /** Keeps the loop alive while somebody waits for a settled request to drain; returns what ends that. */
  holdLoop(): () => void;
}

/** A request that was issued and is not drained yet. */
export class Pending {
  readonly drained: Promise<readonly WriteReport[]>;
  readonly #steps: readonly (Step & { group: number })[];
  readonly #settle: Settle<void>;
  readonly #batch: boolean;
  readonly #owner: Owner;
  #isDrained = false;
  #endHold: (() => void) | undefined;
  #resolveDrained!: (reports: readonly WriteReport[]) => void;
  #abort: (() => void) | undefined;
  #stop: AbortRequest | undefined;
  #unsettled: readonly (Step & { group: number })[] = [];

  constructor(spec: RequestSpec, batch: boolean, settle: Settle<void>, owner: Owner) {
    this.#steps = spec.groups.flatMap((steps, group) => steps.map((step) => ({ ...step, group })));
    this.#batch = batch;
    this.#settle = settle;
    this.#owner = owner;
    this.drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
  }

  start(spec: RequestSpec): void {
    this.#abort = this.#owner.issue(spec, {
      settled: (results, drained) => this.#onSettled(results, drained),
      drained: (results) => this.#finish(results),
    });
  }

  stop(reason: AbortRequest): void {
    this.#stop ??= reason;
    this.#abort?.();
  }

  /** `drained`, for somebody who waits for it: keeps the process alive. */
  awaitDrained(): Promise<readonly WriteReport[]> {
    this.#hold();
    return this.drained;
  }

  readonly #hold = () => {
    if (!this.#isDrained) this.#endHold ??= this.#owner.holdLoop();
  };

  /** Whether an aborted write of this request may still land on the range. */
  unsettledOn(offset: bigint, length: number): boolean {
    return this.#unsettled.some(
      (step) => step.offset < offset + BigInt(length) && offset < step.offset + BigInt(step.bytes.length),
    );
  }

  #finish(results: readonly StepResult[]): void {
    this.#unsettled = [];
    this.#isDrained = true;
    this.#endHold?.();
    this.#owner.drained(this);
    this.#resolveDrained(this.#reports(results));
  }

  #onSettled(results: readonly StepResult[], drained: boolean): void {
    if (!drained) {
      this.#unsettled = this.#steps.filter(
        (step, at) => step.kind === 'write' && results[at]?.outcome === 'unknown',
      );
    }
    if (this.#unsettled.length > 0) this.#owner.unsettled(this);
    if (drained) this.#finish(results);
    if (this.#stop === undefined && results.every((result) => result.outcome === 'written')) {
      this.#settle.resolve();
    } else {
      this.#settle.reject(this.#error(results));
    }
  }

  #reports(results: readonly StepResult[]): readonly WriteReport[] {
    return this.#steps.map((step, at) => {
      const { outcome, error } = results[at] ?? { outcome: 'unknown', error: 0 };
      // A read touches nothing, whatever becomes of it.
      const touched = step.kind === 'read' ? 'untouched' : outcome;
      const { group, offset, bytes } = step;
      return { group, offset, length: bytes.length, outcome: touched, errno: errnoName(error) };
    });
  }

  #error(results: readonly StepResult[]): BatchError | OperationError {
    const writes = this.#reports(results);
    const failed = results.findIndex((result) => result.outcome !== 'written' && result.error !== 0);
    const first = failed >= 0 ? failed : results.findIndex((result) => result.outcome !== 'written');
    const { code, message, cause } =
      this.#stop !== undefined
        ? { code: this.#stop.code, message: undefined, cause: this.#stop.cause }
        : this.#deviceError(this.#steps[first], results[first]?.error ?? 0);
    const errno = this.#stop === undefined ? errnoName(results[first]?.error ?? 0) : undefined;
    if (this.#batch)
      return new BatchError(code, message, { cause, errno, writes, drained: this.drained, hold: this.#hold });
    return new OperationError<Outcome>(code, message, {
      cause,
      errno,
      outcome: overallOutcome(writes),
      drained: this.drained.then(overallOutcome),
      hold: this.#hold,
    });
  }

  #deviceError(step: (Step & { group: number }) | undefined, error: number) {
    const what = step === undefined ? 'an operation' : describe(step);
    if (error === 0) {
      return {
        code: 'ERR_SHORT_TRANSFER' as const,
        message: `${what} transferred only a part`,
        cause: undefined,
      };
    }
    const code = codeOfErrno(error);
    const reason =
      code === 'ERR_RANGE_UNSETTLED' ? 'an aborted write to this range may still land' : errnoName(error);
    return { code, message: `${what} failed: ${reason}`, cause: undefined };
  }
}

function describe({ kind, offset, bytes }: Step): string {
  return kind === 'flush' ? 'a flush' : `a ${kind} of ${bytes.length} bytes at ${offset}`;
}

// Those that Node does not name and a device or a file system may say (asm-generic/errno.h).
const unnamed = { ENOTBLK: 15, EBADFD: 77, ESHUTDOWN: 108, EREMOTEIO: 121, ENOMEDIUM: 123, EMEDIUMTYPE: 124 };

// Not util.getSystemErrorName(): libuv knows neither EDQUOT nor ESTALE. Of two names the first (EAGAIN, ENOTSUP).
const errnoNames = new Map(
  Object.entries({ ...constants.errno, ...unnamed })
    .reverse()
    .map(([name, error]) => [error, name]),
);

/** As in errno(3); undefined for what is no errno. */
export function errnoName(error: number): string | undefined {
  if (error <= 0 || error >= unsettledError) return undefined;
  return errnoNames.get(error) ?? `errno ${error}`;
}

const codesOfErrnos: Record<string, ErrorCode> = {
  ENXIO: 'ERR_DEVICE_VANISHED',
  ENODEV: 'ERR_DEVICE_VANISHED',
  ESTALE: 'ERR_DEVICE_VANISHED',
  ESHUTDOWN: 'ERR_DEVICE_VANISHED',
  ENOSPC: 'ERR_NO_SPACE',
  EDQUOT: 'ERR_NO_SPACE',
  EROFS: 'ERR_DEVICE_READ_ONLY',
};

function codeOfErrno(error: number): ErrorCode {
  if (error === unsettledError) return 'ERR_RANGE_UNSETTLED';
  return codesOfErrnos[errnoName(error) ?? ''] ?? 'ERR_IO';
}
