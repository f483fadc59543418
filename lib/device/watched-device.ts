// A device in front of another one that tells of each piece of work when it begins, and knows whether anything was written.
// The groups of an ordered batch go to the device one by one: so it is seen which of them hangs.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { OperationError } from '../base/errors.js';
import { BatchError, type Device, type WriteOptions, type WriteReport, type WriteStep } from './device.js';

export type Work =
  | { readonly kind: 'read'; readonly offset: bigint; readonly length: number }
  | { readonly kind: 'flush' }
  | {
      readonly kind: 'write';
      readonly steps: readonly WriteStep[];
      /** Place in the batch, from 1. */
      readonly group: number;
      readonly groups: number;
    };

export class WatchedDevice implements Device {
  readonly #inner: Device;
  readonly #begins: (work: Work) => void;
  #isTouched = false;

  /** @param begins is told of each piece of work; must not throw. */
  constructor(inner: Device, begins: (work: Work) => void) {
    this.#inner = inner;
    this.#begins = begins;
  }

  get info() {
    return this.#inner.info;
  }

  get closed() {
    return this.#inner.closed;
  }

  /** Whether a write was issued that may have changed the device. */
  get isTouched(): boolean {
    return this.#isTouched;
  }

  allocate: Device['allocate'] = (...call) => this.#inner.allocate(...call);
  isUnsettled: Device['isUnsettled'] = (...call) => this.#inner.isUnsettled(...call);
  close: Device['close'] = (...call) => this.#inner.close(...call);

  read: Device['read'] = (offset, length, options) => {
    this.#begins({ kind: 'read', offset, length });
    return this.#inner.read(offset, length, options);
  };

  flush: Device['flush'] = (options) => {
    this.#begins({ kind: 'flush' });
    return this.#inner.flush(options);
  };

  write(offset: bigint, bytes: Uint8Array, options?: WriteOptions): Cancellable<void> {
    return this.writeOrdered([[{ offset: offset as WriteStep['offset'], bytes }]], options);
  }

  writeOrdered(
    given: readonly (readonly WriteStep[])[],
    { signal: asked, timeoutMs, ...options }: WriteOptions = {},
  ): Cancellable<void> {
    //  As the device promises: what becomes of the arrays after the call does not matter.
    const groups = given.map((group) =>
      group.map(({ offset, bytes }) => ({ offset, bytes: Uint8Array.from(bytes) })),
    );
    return cancellableAsync({ signal: asked, timeoutMs }, async (signal) => {
      for (const [at, steps] of groups.entries()) {
        this.#begins({ kind: 'write', steps, group: at + 1, groups: groups.length });
        try {
          await this.#inner.writeOrdered([steps], { ...options, signal });
        } catch (error) {
          if (!(error instanceof OperationError)) throw error;
          if (error.outcome !== 'untouched') this.#isTouched = true;
          throw wholeError(groups, at, error);
        }
        this.#isTouched = true;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The error of one group as that of its batch: what came before is written, what follows is untouched. */
function wholeError(
  groups: readonly (readonly WriteStep[])[],
  at: number,
  error: OperationError<unknown>,
): BatchError {
  const whole = (reports: readonly WriteReport[]) =>
    groups.flatMap((group, number) =>
      group.map(({ offset, bytes }, index): WriteReport => {
        const own = number === at ? reports[index] : undefined;
        const outcome = number < at ? 'written' : (own?.outcome ?? 'untouched');
        return { group: number, offset, length: bytes.length, outcome, errno: own?.errno };
      }),
    );
  const { code, message, cause, errno } = error;
  if (!(error instanceof BatchError)) {
    const writes = whole([]); //  It was not even begun.
    return new BatchError(code, message, { cause, errno, writes, drained: Promise.resolve(writes) });
  }
  return new BatchError(code, message, {
    cause,
    errno,
    writes: whole(error.writes),
    drained: new Promise((resolve) => error.whenDrained((reports) => resolve(whole(reports)))),
    hold: () => void error.drained,
  });
}
