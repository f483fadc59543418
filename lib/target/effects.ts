// Room: target. What one request of a target has done to the disks, put together from the operations that it was made of.
import { brand } from '../base/brand.js';
import { abortRequestOf, maxTimeoutMs, neverStarted } from '../base/cancellable.js';
import { DmremapError, type ErrorCode, OperationError, type Outcome } from '../base/errors.js';
import { overallOutcome } from '../device/device.js';

/** Sectors of main, 512 bytes each. */
export interface SectorRange {
  readonly sector: bigint;
  readonly count: bigint;
}

/**
 * A request of a target that did not succeed. `outcome` is of the request as a whole: `untouched` and `written` where that is
 * true of every part of it.
 */
export class TargetError extends OperationError {
  /** Where the trouble is, on main: the exact logical blocks. Empty where it is not one of sectors. */
  readonly sectors: readonly SectorRange[];
  /** Of a read: what could be read, zeros in the place of `sectors`. */
  readonly bytes: Uint8Array | undefined;

  constructor(
    code: ErrorCode,
    message: string | undefined,
    options: ConstructorParameters<typeof OperationError>[2] & {
      sectors?: readonly SectorRange[];
      bytes?: Uint8Array | undefined;
    },
  ) {
    super(code, message, options as ConstructorParameters<typeof OperationError<Outcome>>[2]);
    if (this.name === 'DeviceError') this.name = 'TargetError';
    this.sectors = options.sectors ?? [];
    this.bytes = options.bytes;
  }
}

brand(TargetError, 'TargetError');

/** An operation that was given up: see OperationError. */
interface Draining {
  whenDrained(listener: () => void): void;
}

/** Operations of a target that were given up and are in the kernel still. */
export class InFlight {
  readonly #operations = new Set<Draining>();
  #waiting: (() => void)[] = [];

  get size(): number {
    return this.#operations.size;
  }

  note(operation: Draining): void {
    this.#operations.add(operation);
    operation.whenDrained(() => {
      this.#operations.delete(operation);
      if (this.#operations.size === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /** Resolves when nothing is in flight, or nobody waits any more. Keeps the process alive meanwhile. */
  async drained(signal: AbortSignal): Promise<void> {
    if (this.#operations.size === 0 || signal.aborted) return;
    const hold = setInterval(() => {}, maxTimeoutMs);
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      this.#waiting.push(resolve);
    });
    clearInterval(hold);
  }
}

interface Effect {
  outcome: Outcome;
  /** Undefined once it is final. */
  readonly error: OperationError | undefined;
}

export class Effects {
  readonly #all: Effect[] = [];

  wrote(outcome: Outcome, error?: OperationError): void {
    this.#all.push({ outcome, error });
  }

  get outcome(): Outcome {
    return overallOutcome(this.#all);
  }

  /** The error of the request, for whatever ended it. */
  errorFor(cause: unknown, detail: { sectors?: readonly SectorRange[]; bytes?: Uint8Array } = {}): unknown {
    if (!(cause instanceof DmremapError)) return cause;
    const open = this.#all.filter(({ error }) => error !== undefined);
    const drained = Promise.all(
      open.map(
        (effect) =>
          new Promise<void>((resolve) => {
            effect.error?.whenDrained((final) => {
              effect.outcome = final as Outcome;
              resolve();
            });
          }),
      ),
    ).then(() => this.outcome);
    const hold = () => {
      for (const { error } of open) void error?.drained;
    };
    const { code, errno, message } = cause;
    const reason = 'cause' in cause ? { cause: cause.cause } : {};
    return new TargetError(code, message, {
      ...detail,
      ...reason,
      errno,
      outcome: this.outcome,
      drained,
      hold,
    });
  }
}

/** Waits for all of them, also where one fails: nothing may go on behind the back of who is told. */
export async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(work);
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<T>).value);
}

/** The error of an operation that was not begun. */
export const neverDone = (code: ErrorCode, message?: string, cause?: unknown): OperationError =>
  new OperationError<Outcome>(code, message, {
    cause,
    outcome: 'untouched',
    drained: Promise.resolve('untouched'),
  });

/** @throws OperationError what the abort asks for. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw neverStarted(abortRequestOf(signal));
}
