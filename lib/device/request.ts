// One request on its way: what a device's engine is given, what it answers, and how that becomes a settled promise.
// Shared by every engine, so that an outcome means the same whatever moved the bytes.
import type { AbortRequest, Settle } from '../base/cancellable.js';
import { type ErrorCode, OperationError, type Outcome } from '../base/errors.js';
import type { Links } from '../base/linked-list.js';
import type { ByteOffset } from '../base/units.js';
import { BatchError, overallOutcome, type WriteReport } from './device.js';
import { codeOfErrnoName, errnoName, unsettledError } from './errno.js';

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

const none: readonly Step[] = [];

export interface RequestListener {
  /** Exactly once. `drained` is false while something of the request is in flight. */
  onSettled(results: StepResults, drained: boolean): void;
  /** Once, after a settlement that was not drained. */
  onDrained(results: StepResults): void;
}

/** Step by step; or all of them done, which is what nearly all requests come to. */
type StepResults = readonly StepResult[] | 'all written';

const written: StepResult = { outcome: 'written', error: 0 };
const resultAt = (results: StepResults, at: number): StepResult =>
  results === 'all written' ? written : (results[at] ?? { outcome: 'unknown', error: 0 });

/** What was handed to the engine. */
export interface Issued {
  abort(): void;
}

/** What a pending request needs of its device. */
export interface Owner {
  /** Hands the request to the engine. */
  issue(spec: RequestSpec, listener: RequestListener): Issued;
  /** It was settled with a write in flight. */
  unsettled(pending: Pending): unknown;
  drained(pending: Pending): unknown;
  /** What a block device holds now; undefined of anything else, and where that cannot be told. Must not block. */
  sizeNow(): bigint | undefined;
  /** Whether it takes no writes any more, although it was opened for writing. */
  isReadOnlyNow(): boolean;
  /** Keeps the loop alive while somebody waits for a settled request to drain; returns what ends that. */
  holdLoop(): () => void;
}

/** A request that was issued and is not drained yet. */
export class Pending implements RequestListener, Links<Pending> {
  before: Pending | undefined;
  after: Pending | undefined;
  readonly #spec: RequestSpec;
  readonly #settle: Settle<void>;
  readonly #batch: boolean;
  readonly #owner: Owner;
  #issued: Issued | undefined;
  #stop: AbortRequest | undefined;
  #unsettled: readonly Step[] = none;
  /** Once it has drained. */
  #results: StepResults | undefined;
  #endHold: (() => void) | undefined;
  //  Made for whoever asks: nobody does of a request that succeeds.
  #drained: Promise<readonly WriteReport[]> | undefined;
  #resolveDrained: ((reports: readonly WriteReport[]) => void) | undefined;

  constructor(spec: RequestSpec, batch: boolean, settle: Settle<void>, owner: Owner) {
    this.#spec = spec;
    this.#batch = batch;
    this.#settle = settle;
    this.#owner = owner;
  }

  start(): void {
    this.#issued = this.#owner.issue(this.#spec, this);
  }

  stop(reason: AbortRequest): void {
    this.#stop ??= reason;
    this.#issued?.abort();
  }

  get drained(): Promise<readonly WriteReport[]> {
    this.#drained ??= new Promise((resolve) => {
      if (this.#results === undefined) this.#resolveDrained = resolve;
      else resolve(this.#reports(this.#results));
    });
    return this.#drained;
  }

  /** `drained`, for somebody who waits for it: keeps the process alive. */
  awaitDrained(): Promise<readonly WriteReport[]> {
    this.#hold();
    return this.drained;
  }

  #hold(): void {
    if (this.#results === undefined) this.#endHold ??= this.#owner.holdLoop();
  }

  /** Whether an aborted write of this request may still land on the range. */
  unsettledOn(offset: bigint, length: number): boolean {
    return this.#unsettled.some(
      (step) => step.offset < offset + BigInt(length) && offset < step.offset + BigInt(step.bytes.length),
    );
  }

  onDrained(results: StepResults): void {
    this.#unsettled = none;
    this.#results = results;
    this.#endHold?.();
    this.#owner.drained(this);
    this.#resolveDrained?.(this.#reports(results));
  }

  onSettled(results: StepResults, drained: boolean): void {
    if (!drained) {
      this.#unsettled = this.#spec.groups
        .flat()
        .filter((step, at) => step.kind === 'write' && resultAt(results, at).outcome === 'unknown');
      if (this.#unsettled.length > 0) this.#owner.unsettled(this);
    } else this.onDrained(results);
    const succeeded = results === 'all written' || results.every(({ outcome }) => outcome === 'written');
    if (succeeded && this.#stop === undefined) this.#settle.resolve();
    else this.#settle.reject(this.#error(results));
  }

  #reports(results: StepResults): readonly WriteReport[] {
    const steps = this.#spec.groups.flatMap((ofGroup, group) => ofGroup.map((step) => ({ ...step, group })));
    return steps.map(({ kind, group, offset, bytes }, at) => {
      const { outcome, error } = resultAt(results, at);
      // A read touches nothing, whatever becomes of it.
      const touched = kind === 'read' ? 'untouched' : outcome;
      return { group, offset, length: bytes.length, outcome: touched, errno: errnoName(error) };
    });
  }

  #error(results: StepResults): BatchError | OperationError {
    const writes = this.#reports(results);
    const steps = this.#spec.groups.flat();
    const undone = (at: number) => resultAt(results, at).outcome !== 'written';
    const failed = steps.findIndex((_, at) => undone(at) && resultAt(results, at).error !== 0);
    const first = failed >= 0 ? failed : steps.findIndex((_, at) => undone(at));
    const errorOfFirst = first < 0 ? 0 : resultAt(results, first).error;
    const { code, message, cause } =
      this.#stop !== undefined
        ? { code: this.#stop.code, message: undefined, cause: this.#stop.cause }
        : this.#deviceError(steps[first], errorOfFirst);
    const errno = this.#stop === undefined ? errnoName(errorOfFirst) : undefined;
    const { drained } = this;
    const hold = () => this.#hold();
    if (this.#batch) return new BatchError(code, message, { cause, errno, writes, drained, hold });
    return new OperationError<Outcome>(code, message, {
      cause,
      errno,
      outcome: overallOutcome(writes),
      drained: drained.then(overallOutcome),
      hold,
    });
  }

  #deviceError(step: Step | undefined, error: number) {
    const what = step === undefined ? 'an operation' : describe(step);
    if (step !== undefined && error !== unsettledError) {
      // The kernel gives a disk that was pulled the size 0, and from then on answers as at the end of a device: ENOSPC, or
      // nothing read. The range was checked at the call.
      const now = this.#owner.sizeNow();
      if (now !== undefined && !reaches(now, step)) {
        const answer = errnoName(error) ?? 'nothing or only a part was transferred';
        const message = `the device is gone: ${what} failed (${answer}), and its size is ${now} bytes now`;
        return { code: 'ERR_DEVICE_VANISHED' as const, message, cause: undefined };
      }
    }
    //  After blockdev --setro. A filter of system calls may answer so too.
    if (step?.kind === 'write' && errnoName(error) === 'EPERM' && this.#owner.isReadOnlyNow()) {
      const message = `${what} failed (EPERM): the device is read-only now`;
      return { code: 'ERR_DEVICE_READ_ONLY' as const, message, cause: undefined };
    }
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

/** Whether a device of this size holds what the step is about; of a flush, whether it holds anything. */
const reaches = (size: bigint, { offset, bytes }: Step): boolean =>
  size > 0n && offset + BigInt(bytes.length) <= size;

function describe({ kind, offset, bytes }: Step): string {
  return kind === 'flush' ? 'a flush' : `a ${kind} of ${bytes.length} bytes at ${offset}`;
}

function codeOfErrno(error: number): ErrorCode {
  if (error === unsettledError) return 'ERR_RANGE_UNSETTLED';
  return codeOfErrnoName(errnoName(error) ?? '');
}
