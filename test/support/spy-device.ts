// A device in front of another one: it keeps a list of the ordered writes, and can fail some of them.
import type { Cancellable } from '../../lib/base/cancellable.js';
import {
  BatchError,
  type Device,
  type WriteOptions,
  type WriteReport,
  type WriteStep,
} from '../../lib/device/device.js';

export interface Fault {
  /** Writes to this offset fail. */
  readonly offset: bigint;
  /** Only writes of at least this length; default: all. */
  readonly atLeast?: number;
  readonly errno: string;
}

export class SpyDevice implements Device {
  readonly #inner: Device;
  /** Every group that was issued, in order. */
  readonly groups: (readonly WriteStep[])[] = [];
  readonly faults: Fault[] = [];

  constructor(inner: Device) {
    this.#inner = inner;
  }

  get info() {
    return this.#inner.info;
  }

  get closed() {
    return this.#inner.closed;
  }

  read: Device['read'] = (...call) => this.#inner.read(...call);
  write: Device['write'] = (...call) => this.#inner.write(...call);
  flush: Device['flush'] = (...call) => this.#inner.flush(...call);
  allocate: Device['allocate'] = (...call) => this.#inner.allocate(...call);
  isUnsettled: Device['isUnsettled'] = (...call) => this.#inner.isUnsettled(...call);
  close: Device['close'] = (...call) => this.#inner.close(...call);

  writeOrdered(groups: readonly (readonly WriteStep[])[], options?: WriteOptions): Cancellable<void> {
    const bad = groups.findIndex((group) => group.some((step) => this.#faultOf(step) !== undefined));
    if (bad < 0) {
      this.groups.push(...groups);
      return this.#inner.writeOrdered(groups, options);
    }
    const failing = (async () => {
      const before = groups.slice(0, bad);
      this.groups.push(...groups.slice(0, bad + 1));
      if (before.length > 0) await this.#inner.writeOrdered(before, options);
      const good = (groups[bad] ?? []).filter((step) => this.#faultOf(step) === undefined);
      if (good.length > 0) await this.#inner.writeOrdered([good], options);
      const writes = groups.flatMap((group, at) =>
        group.map((step): WriteReport => {
          const errno = at === bad ? this.#faultOf(step)?.errno : undefined;
          const outcome = at > bad ? 'untouched' : errno === undefined ? 'written' : 'unknown';
          return { group: at, offset: step.offset, length: step.bytes.length, outcome, errno };
        }),
      );
      const errno = writes.find((write) => write.errno !== undefined)?.errno;
      throw new BatchError('ERR_IO', `a write failed: ${errno}`, {
        errno,
        writes,
        drained: Promise.resolve(writes),
      });
    })();
    return Object.assign(failing, { cancel: () => {} });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #faultOf({ offset, bytes }: WriteStep): Fault | undefined {
    return this.faults.find((fault) => fault.offset === offset && bytes.length >= (fault.atLeast ?? 0));
  }
}
