// A device of somebody else's, made to keep the promises that everything above relies on (device.ts): whatever it throws or
// rejects with becomes an error of ours that says no more than what is proven; a write in doubt keeps later ones away from its
// range; an abort settles although the device does not hear of it.
import { setTimeout as setTimeoutPromise } from 'node:timers/promises';
import {
  type AbortRequest,
  abortable,
  type Cancellable,
  type CancelOptions,
  cancellable,
  maxTimeoutMs,
} from '../base/cancellable.js';
import { argumentError, DmremapError, OperationError, type Outcome } from '../base/errors.js';
import {
  BatchError,
  type CloseReport,
  type Device,
  overallOutcome,
  type WriteOptions,
  type WriteStep,
} from './device.js';
import { askUnsettled, Doubts, drainedOf } from './doubts.js';
import { EngineDevice } from './engine-device.js';
import { allOf, faultOf, type Groups, isProvenUntouched, propertyOf, writesProven } from './evidence.js';

/** How long a device may take to hear of an abort. */
const abortGraceMs = 20;

/** How often a write that waits for one in doubt looks again. */
const pollMs = 20;

/** As Linux allows it (BLK_MAX_BLOCK_SIZE), and then some. */
const maxBlockBytes = 65_536;

/** Of a device that does not tell. */
const never = new AbortController().signal;

const methods = ['read', 'write', 'writeOrdered', 'flush'] as const;

const guards = new WeakMap<Device, GuardedDevice>();
/** What stands in for another device is, for claims, that device. */
const behind = new WeakMap<Device, Device>();

/**
 * The device itself where it is one of ours, by every method; else one that stands in front of it, always the same.
 * @throws TypeError ERR_INVALID_ARG_TYPE where it is no device.
 */
export function guarded(device: Device): Device {
  checkDevice(device);
  if (isOwn(device)) return device;
  const known = guards.get(device);
  if (known !== undefined) return known;
  const guard = new GuardedDevice(device);
  guards.set(device, guard);
  behind.set(guard, device);
  return guard;
}

/** The device that the caller gave. */
export const givenDevice = (device: Device): Device => behind.get(device) ?? device;

/** A subclass may have methods of its own, which promise nothing. */
function isOwn(device: Device): boolean {
  if (device instanceof GuardedDevice) return true;
  if (typeof device !== 'object' || device === null) return false;
  const { prototype } = EngineDevice;
  return (
    EngineDevice.isOne(device) &&
    [...methods, 'isUnsettled' as const].every((name) => device[name] === prototype[name])
  );
}

/** What it lacks beside shows when it is called. */
function checkDevice(device: Device): void {
  const info = propertyOf(device, 'info');
  const sizeBytes = propertyOf(info, 'sizeBytes');
  if (typeof sizeBytes !== 'bigint') {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'the target must be a path or a device');
  }
  const block = propertyOf(info, 'logicalBlockSize');
  const isBlock =
    typeof block === 'number' && block >= 512 && block <= maxBlockBytes && Number.isInteger(Math.log2(block));
  if (sizeBytes < 0n || !isBlock) {
    const message = `a device must have a size, and logical blocks of a power of two from 512 to ${maxBlockBytes} bytes`;
    throw argumentError('ERR_INVALID_ARG_VALUE', message);
  }
}

/** What to do with the end of one call to the device. */
interface Call<T> {
  readonly options: CancelOptions | undefined;
  start(signal: AbortSignal): unknown;
  /** The result, as it should be. May throw. */
  take(value: unknown): T;
  /** The error, for what the device has rejected with; `asked` where it was aborted before. */
  fail(thrown: unknown, asked: AbortRequest | undefined): OperationError<unknown>;
}

class GuardedDevice implements Device {
  readonly #inner: Device;
  readonly #doubts: Doubts;

  constructor(inner: Device) {
    this.#inner = inner;
    this.#doubts = new Doubts(inner);
  }

  get info() {
    return this.#inner.info;
  }

  get closed() {
    const closed = propertyOf(this.#inner, 'closed');
    return closed instanceof AbortSignal ? closed : never;
  }

  read(offset: bigint, length: number, options?: CancelOptions): Cancellable<Uint8Array> {
    return this.#call({
      options,
      start: (signal) => this.#inner.read(offset, length, { signal }),
      take: (bytes) => {
        if (bytes instanceof Uint8Array && bytes.length === length) return bytes;
        const message = `a read of ${length} bytes at ${offset} gave something else`;
        throw new DmremapError('ERR_SHORT_TRANSFER', message);
      },
      fail: (thrown, asked) => operationError(thrown, asked, 'untouched'),
    });
  }

  flush(options?: CancelOptions): Cancellable<void> {
    return this.#call({
      options,
      start: (signal) => this.#inner.flush({ signal }),
      take: () => {},
      fail: (thrown, asked) =>
        operationError(thrown, asked, isProvenUntouched(thrown) ? 'untouched' : 'unknown'),
    });
  }

  write(offset: bigint, bytes: Uint8Array, options?: WriteOptions): Cancellable<void> {
    const groups = [[{ offset: offset as WriteStep['offset'], bytes }]];
    const start = (own: Groups, rest: WriteOptions) =>
      this.#inner.write(offset, own[0]?.[0]?.bytes ?? bytes, rest);
    return this.#write(groups, options, start, single);
  }

  writeOrdered(groups: Groups, options?: WriteOptions): Cancellable<void> {
    const start = (own: Groups, rest: WriteOptions) => this.#inner.writeOrdered(own, rest);
    return this.#write(groups, options, start, (error) => error);
  }

  isUnsettled(offset: bigint, length: number): boolean {
    return this.#doubts.isIn(offset, length) || askUnsettled(this.#inner, offset, length) === true;
  }

  async allocate(bytes: number): Promise<void> {
    try {
      await this.#inner.allocate?.(bytes);
    } catch (thrown) {
      const { code, message, errno } = faultOf(thrown);
      throw new DmremapError(code, message, { cause: thrown, errno });
    }
  }

  async close(options?: { readonly graceMs?: number }): Promise<CloseReport> {
    try {
      const { leftInFlight, released } = await this.#inner.close(options);
      return { leftInFlight, released };
    } catch {
      return { leftInFlight: 0, released: false };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #write(
    given: Groups,
    options: WriteOptions | undefined,
    start: (groups: Groups, options: WriteOptions) => unknown,
    errorOf: (error: BatchError) => OperationError<unknown>,
  ): Cancellable<void> {
    const { durable, unsettled } = options ?? {};
    const blocked = this.#blocked(given);
    // Copied at the call where it waits: a caller that changes its arrays meanwhile must not change what is written.
    const groups = blocked === undefined ? given : copyOf(given);
    return this.#call({
      options,
      start: async (signal) => {
        if (blocked !== undefined && unsettled !== 'wait') throw refused(blocked, groups);
        while (this.#blocked(groups) !== undefined) await pause(signal);
        await promised(() => start(groups, { durable, unsettled, signal }));
      },
      take: () => {},
      fail: (thrown, asked) => errorOf(this.#batchError(thrown, groups, asked)),
    });
  }

  #blocked = (groups: Groups): WriteStep | undefined =>
    groups.flat().find(({ offset, bytes }) => this.#doubts.isIn(offset, bytes.length));

  #batchError(thrown: unknown, groups: Groups, asked: AbortRequest | undefined): BatchError {
    const writes = writesProven(thrown, groups);
    const drained = this.#doubts.add(thrown, groups, writes);
    const { code, ...shown } = shownOf(thrown, asked);
    return new BatchError(code, shown.message, { ...shown, writes, drained, hold: () => hold(drained) });
  }

  /** Begins the call at once. */
  #call<T>({ options, start, take, fail }: Call<T>): Cancellable<T> {
    return cancellable<T>(options, (settle) => {
      const controller = new AbortController();
      let asked: AbortRequest | undefined;
      let timer: NodeJS.Timeout | undefined;
      const working = promised(() => start(controller.signal)).then(take);
      working
        .then(settle.resolve.bind(settle), (thrown) => settle.reject(fail(thrown, asked)))
        .finally(() => clearTimeout(timer));
      return (request) => {
        asked ??= request;
        controller.abort(request);
        timer ??= setTimeout(() => settle.reject(fail(new GivenUp(working), asked)), abortGraceMs);
      };
    });
  }
}

/** What is left in the device when its caller does not wait any more: the end of the call, and of what that leaves in turn. */
class GivenUp {
  readonly drained: Promise<unknown>;

  constructor(working: Promise<unknown>) {
    this.drained = working.then(
      () => 'written',
      (thrown) => drainedOf(thrown) ?? Promise.reject(thrown),
    );
  }
}

/** The promise of a call that may throw. */
async function promised<T>(start: () => unknown): Promise<T> {
  const promise: unknown = start();
  if (typeof (promise as PromiseLike<T> | undefined)?.then === 'function') return (await promise) as T;
  throw new TypeError('the device gave no promise');
}

/** Code and words of an error: those of the abort where one was asked for. */
function shownOf(thrown: unknown, asked: AbortRequest | undefined) {
  if (asked !== undefined)
    return { code: asked.code, message: undefined, cause: asked.cause, errno: undefined };
  return { ...faultOf(thrown), cause: thrown };
}

function operationError(
  thrown: unknown,
  asked: AbortRequest | undefined,
  outcome: Outcome,
): OperationError<Outcome> {
  const { code, ...shown } = shownOf(thrown, asked);
  const left = drainedOf(thrown) ?? Promise.resolve();
  const drained = left.then(
    () => outcome,
    () => outcome,
  );
  return new OperationError<Outcome>(code, shown.message, {
    ...shown,
    outcome,
    drained,
    hold: () => hold(drained),
  });
}

/** The error of a batch of one write. */
function single(error: BatchError): OperationError<Outcome> {
  const { code, message, cause, errno, outcome } = error;
  const drained = new Promise<Outcome>((resolve) => {
    error.whenDrained((final) => resolve(overallOutcome(final)));
  });
  return new OperationError<Outcome>(code, message, {
    cause,
    errno,
    outcome,
    drained,
    hold: () => hold(drained),
  });
}

const copyOf = (groups: Groups): Groups =>
  groups.map((steps) => steps.map(({ offset, bytes }) => ({ offset, bytes: Uint8Array.from(bytes) })));

/** Nothing of it has reached the device. */
function refused({ offset, bytes }: WriteStep, groups: Groups): BatchError {
  const writes = allOf(groups, 'untouched');
  const message = `a write to ${bytes.length} bytes at ${offset} is in doubt and may still land`;
  return new BatchError('ERR_RANGE_UNSETTLED', message, { writes, drained: Promise.resolve(writes) });
}

/** Keeps the process alive for somebody who waits. */
function hold(drained: Promise<unknown>): void {
  const timer = setInterval(() => {}, maxTimeoutMs);
  const end = () => clearInterval(timer);
  drained.then(end, end);
}

/** @throws OperationError what the abort asks for. */
function pause(signal: AbortSignal): Promise<void> {
  return abortable(
    setTimeoutPromise(pollMs, undefined, { signal }).catch(() => {}),
    signal,
  );
}
