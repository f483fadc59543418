// The part of a device that is the same on every engine: arguments, the fence between an aborted write and the next
// one, what is pending, and a close that is bounded. An engine only issues requests and lets go of its descriptor.
import {
  AbortRequest,
  type Cancellable,
  type CancelOptions,
  cancellable,
  cancellableAsync,
  linkSignals,
} from '../base/cancellable.js';
import { argumentError, DmremapError, OperationError } from '../base/errors.js';
import { LinkedList } from '../base/linked-list.js';
import { byteOffset, numberOf } from '../base/units.js';
import {
  type CloseReport,
  type Device,
  type DeviceInfo,
  maxTransferBytes,
  minTransferBytes,
  type WriteOptions,
  type WriteStep,
} from './device.js';
import { type Issued, type Owner, Pending, type RequestListener, type RequestSpec } from './request.js';

export abstract class EngineDevice implements Device {
  abstract readonly info: DeviceInfo;
  /** Whether it is one itself, and not a proxy in front of one. */
  static isOne(device: object): device is EngineDevice {
    return #pending in device;
  }

  readonly #pending = new LinkedList<Pending>();
  /** As a number, -1 where it is none. */
  #size: number | undefined;
  /** Those of them that were given up with a write in flight. */
  readonly #unsettled = new Set<Pending>();
  readonly #owner: Owner = {
    issue: (spec, listener) => this.issue(spec, listener),
    unsettled: (pending) => this.#unsettled.add(pending),
    drained: (pending) => {
      this.#pending.remove(pending);
      this.#unsettled.delete(pending);
    },
    sizeNow: () => this.sizeNow(),
    isReadOnlyNow: () => this.isReadOnlyNow(),
    holdLoop: () => this.holdLoop(),
  };
  #closing: Promise<CloseReport> | undefined;
  readonly #closed = new AbortController();
  readonly closed: AbortSignal = this.#closed.signal;

  /** Hands a request to the engine. May throw a DmremapError where there is no room. */
  protected abstract issue(spec: RequestSpec, listener: RequestListener): Issued;
  /**
   * Lets go of the device. Nothing of ours is queued any more. Resolves when the kernel has let go of it too, to whether
   * somebody else can open it now.
   */
  protected abstract release(): Promise<boolean>;
  /** As `Owner.isReadOnlyNow`. */
  protected isReadOnlyNow(): boolean {
    return false;
  }

  /** As `Owner.sizeNow`. */
  protected sizeNow(): bigint | undefined {
    return undefined;
  }
  /** Keeps the loop alive until the returned function is called. */
  protected abstract holdLoop(): () => void;

  abstract allocate(bytes: number): Promise<void>;

  read(offset: bigint, length: number, options?: CancelOptions): Cancellable<Uint8Array> {
    return cancellable<Uint8Array>(options, (settle) => {
      if (typeof length !== 'number') throw argumentError('ERR_INVALID_ARG_TYPE', 'length must be a number');
      this.#checkRange(offset, length);
      const bytes = new Uint8Array(length);
      const spec: RequestSpec = {
        groups: [[{ kind: 'read', offset: byteOffset(offset), bytes }]],
        durable: false,
      };
      const settleWithBytes = {
        resolve: () => settle.resolve(bytes),
        reject: (error: unknown) => settle.reject(error),
      };
      return this.#start(spec, false, settleWithBytes);
    });
  }

  write(offset: bigint, bytes: Uint8Array, options?: WriteOptions): Cancellable<void> {
    const step = { offset: offset as WriteStep['offset'], bytes };
    if (options?.unsettled === 'wait') return this.#write([[step]], false, options);
    return cancellable<void>(options, (settle) => {
      this.#checkWriteOptions(options);
      this.#checkWritable();
      const groups = [[this.#stepOf(step)]];
      if (this.#unsettled.size > 0 && this.isUnsettled(offset, bytes.length)) throw refused(step);
      return this.#start({ groups, durable: options?.durable ?? true }, false, settle);
    });
  }

  writeOrdered(groups: readonly (readonly WriteStep[])[], options?: WriteOptions): Cancellable<void> {
    return this.#write(groups, true, options);
  }

  flush(options?: CancelOptions): Cancellable<void> {
    return cancellable<void>(options, (settle) => {
      this.#checkWritable();
      const flush = { kind: 'flush', offset: byteOffset(0), bytes: new Uint8Array(0) } as const;
      return this.#start({ groups: [[flush]], durable: false }, false, settle);
    });
  }

  isUnsettled(offset: bigint, length: number): boolean {
    return this.#unsettledOn(offset, length).length > 0;
  }

  close(options: { readonly graceMs?: number } = {}): Promise<CloseReport> {
    const graceMs = options?.graceMs ?? 1000;
    if (typeof graceMs !== 'number') {
      return Promise.reject(argumentError('ERR_INVALID_ARG_TYPE', 'graceMs must be a number'));
    }
    if (!(graceMs >= 0 && graceMs < 2 ** 31)) {
      return Promise.reject(argumentError('ERR_OUT_OF_RANGE', 'graceMs must be between 0 and 2^31 - 1'));
    }
    this.#closing ??= this.#close(graceMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(graceMs: number): Promise<CloseReport> {
    const reason = new AbortRequest('ERR_DEVICE_CLOSED', undefined);
    this.#closed.abort(reason);
    for (const pending of this.#pending.all()) pending.stop(reason);
    const drained = Promise.all(this.#pending.all().map((pending) => pending.drained));
    await within(
      graceMs,
      drained.then(() => true),
    );
    const leftInFlight = this.#pending.size;
    // A close(2) that hangs is left to its thread. It gets some time of its own: the writes may have used up the grace.
    const releasing = this.release();
    const released = leftInFlight === 0 && (await within(Math.max(graceMs, releaseGraceMs), releasing));
    return { leftInFlight, released };
  }

  #write(
    groups: readonly (readonly WriteStep[])[],
    batch: boolean,
    options?: WriteOptions,
  ): Cancellable<void> {
    if (options?.unsettled === 'wait') return this.#writeWhenSettled(groups, batch, options);
    return cancellable<void>(options, (settle) => {
      this.#checkWriteOptions(options);
      this.#checkWritable();
      const steps = this.#stepsOf(groups);
      const blocked = steps.flat().find(({ offset, bytes }) => this.isUnsettled(offset, bytes.length));
      if (blocked !== undefined) throw refused(blocked);
      return this.#start({ groups: steps, durable: options?.durable ?? true }, batch, settle);
    });
  }

  #writeWhenSettled(groups: readonly (readonly WriteStep[])[], batch: boolean, options: WriteOptions) {
    return cancellableAsync<void>(options, async (signal) => {
      this.#checkWriteOptions(options);
      // Copied at the call: a caller that changes its arrays while we wait must not change what is written.
      const copies = this.#stepsOf(groups).map((group) =>
        group.map(({ offset, bytes }) => ({ offset, bytes: Uint8Array.from(bytes) })),
      );
      const ranges = copies.flat();
      for (;;) {
        this.#checkWritable();
        const blocking = ranges.flatMap(({ offset, bytes }) => this.#unsettledOn(offset, bytes.length));
        if (blocking.length > 0) await this.#ended(blocking, signal);
        try {
          return await this.#write(copies, batch, { durable: options.durable, signal });
        } catch (error) {
          if (!(error instanceof DmremapError && error.code === 'ERR_RANGE_UNSETTLED')) throw error;
          // On a turn of its own: what it waits for comes by the loop.
          await new Promise(setImmediate);
        }
      }
    });
  }

  /** Resolves when these have drained, or nobody waits any more. Keeps the process alive meanwhile. */
  async #ended(blocking: readonly Pending[], signal: AbortSignal): Promise<void> {
    const { signal: either, unlink } = linkSignals(signal, this.closed);
    try {
      const ended = new Promise<void>((resolve) => {
        if (either.aborted) resolve();
        either.addEventListener('abort', () => resolve(), { once: true });
      });
      await Promise.race([ended, Promise.all(blocking.map((one) => one.awaitDrained()))]);
    } finally {
      unlink();
    }
  }

  #start(spec: RequestSpec, batch: boolean, settle: { resolve(): void; reject(error: unknown): void }) {
    this.#checkOpen();
    const pending = new Pending(spec, batch, settle, this.#owner);
    this.#pending.add(pending);
    try {
      pending.start();
    } catch (error) {
      this.#pending.remove(pending);
      throw error;
    }
    return (request: AbortRequest) => pending.stop(request);
  }

  #unsettledOn(offset: bigint, length: number): Pending[] {
    return Array.from(this.#unsettled).filter((pending) => pending.unsettledOn(offset, length));
  }

  #stepsOf(groups: readonly (readonly WriteStep[])[]) {
    if (!Array.isArray(groups) || groups.length === 0) {
      throw argumentError('ERR_INVALID_ARG_TYPE', 'groups must be a list of lists of writes, and not empty');
    }
    return groups.map((group: readonly WriteStep[]) => {
      if (!Array.isArray(group) || group.length === 0) {
        throw argumentError('ERR_INVALID_ARG_TYPE', 'a group must be a list of writes, and not empty');
      }
      return group.map((step: WriteStep) => this.#stepOf(step));
    });
  }

  #stepOf(step: WriteStep) {
    if (!(step?.bytes instanceof Uint8Array)) {
      throw argumentError('ERR_INVALID_ARG_TYPE', 'bytes must be a Uint8Array');
    }
    this.#checkRange(step.offset, step.bytes.length);
    return { kind: 'write' as const, offset: step.offset, bytes: step.bytes };
  }

  #checkRange(offset: bigint, length: number): void {
    if (typeof offset !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', 'offset must be a bigint');
    if (!(length >= minTransferBytes && length <= maxTransferBytes)) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `a length must be between ${minTransferBytes} and ${maxTransferBytes}`,
      );
    }
    const { logicalBlockSize, sizeBytes } = this.info;
    // As numbers where they can be: this is asked for each write, and a new bigint costs more than all of it.
    if (offset >= 0n && offset <= sizeBytes) {
      const at = numberOf(offset);
      this.#size ??= sizeBytes <= Number.MAX_SAFE_INTEGER ? Number(sizeBytes) : -1;
      const fits = at + length <= this.#size;
      if (fits && at % logicalBlockSize === 0 && length % logicalBlockSize === 0) return;
    }
    if (offset < 0n || offset + BigInt(length) > sizeBytes) {
      throw argumentError(
        'ERR_OUT_OF_RANGE',
        `${length} bytes at ${offset} lie beyond the device (${sizeBytes} bytes)`,
      );
    }
    if (length % logicalBlockSize !== 0 || offset % BigInt(logicalBlockSize) !== 0n) {
      throw argumentError('ERR_UNALIGNED', `offset and length must be multiples of ${logicalBlockSize}`);
    }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new OperationError('ERR_DEVICE_CLOSED', undefined, untouched());
  }

  #checkWritable(): void {
    this.#checkOpen();
    if (!this.info.writable)
      throw new OperationError('ERR_DEVICE_READ_ONLY', 'opened for reading', untouched());
  }

  #checkWriteOptions(options: WriteOptions | undefined): void {
    const { durable, unsettled } = options ?? {};
    if (durable !== undefined && typeof durable !== 'boolean') {
      throw argumentError('ERR_INVALID_ARG_TYPE', 'durable must be a boolean');
    }
    if (unsettled !== undefined && unsettled !== 'reject' && unsettled !== 'wait') {
      throw argumentError('ERR_INVALID_ARG_VALUE', "unsettled must be 'reject' or 'wait'");
    }
  }
}

const untouched = () => ({ outcome: 'untouched', drained: Promise.resolve('untouched') }) as const;

const refused = ({ offset, bytes }: WriteStep) =>
  new OperationError(
    'ERR_RANGE_UNSETTLED',
    `an aborted write to ${bytes.length} bytes at ${offset} may still land`,
    untouched(),
  );

const releaseGraceMs = 20;

/** What `work` resolves to, or false where that is not in time. */
async function within(graceMs: number, work: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const grace = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), graceMs);
  });
  try {
    return await Promise.race([work, grace]);
  } finally {
    clearTimeout(timer);
  }
}
