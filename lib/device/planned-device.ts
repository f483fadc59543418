// A device in front of another one that lets nothing pass but the writes of a plan. Whatever goes wrong above it, what was
// not planned, and so was not shown and not saved, is not written.
import type { Cancellable } from '../base/cancellable.js';
import { cancellable } from '../base/cancellable.js';
import { BatchError, type Device, type WriteOptions, type WriteReport, type WriteStep } from './device.js';

export class PlannedDevice implements Device {
  readonly #inner: Device;
  readonly #planned: readonly WriteStep[];

  constructor(inner: Device, planned: readonly WriteStep[]) {
    this.#inner = inner;
    this.#planned = planned;
  }

  get info() {
    return this.#inner.info;
  }

  get closed() {
    return this.#inner.closed;
  }

  read: Device['read'] = (...call) => this.#inner.read(...call);
  flush: Device['flush'] = (...call) => this.#inner.flush(...call);
  allocate: Device['allocate'] = (...call) => this.#inner.allocate(...call);
  isUnsettled: Device['isUnsettled'] = (...call) => this.#inner.isUnsettled(...call);
  close: Device['close'] = (...call) => this.#inner.close(...call);

  write(offset: bigint, bytes: Uint8Array, options?: WriteOptions): Cancellable<void> {
    return this.writeOrdered([[{ offset: offset as WriteStep['offset'], bytes }]], options);
  }

  /** Rejections: as of any device; a BatchError with ERR_PLAN_CHANGED, and everything untouched, for what was not planned. */
  writeOrdered(groups: readonly (readonly WriteStep[])[], options?: WriteOptions): Cancellable<void> {
    const stray = groups.flat().find((step) => !this.#planned.some((planned) => isSame(planned, step)));
    if (stray === undefined) return this.#inner.writeOrdered(groups, options);
    return cancellable<void>(options, (settle) => {
      const writes = groups.flatMap((group, at) =>
        group.map(
          ({ offset, bytes }): WriteReport => ({
            group: at,
            offset,
            length: bytes.length,
            outcome: 'untouched',
            errno: undefined,
          }),
        ),
      );
      const message = `a write of ${stray.bytes.length} bytes at ${stray.offset} is not in the plan: the spare has changed`;
      settle.reject(
        new BatchError('ERR_PLAN_CHANGED', message, { writes, drained: Promise.resolve(writes) }),
      );
      return () => {};
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const isSame = (a: WriteStep, b: WriteStep): boolean =>
  a.offset === b.offset && Buffer.compare(a.bytes, b.bytes) === 0;
