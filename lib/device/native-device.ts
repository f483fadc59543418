// A block device, or a file that behaves as one, through an engine of the addon. The native part queues, issues, cancels
// and classifies; this file only translates.
import { type Cancellable, type CancelOptions, cancellable, neverStarted } from '../base/cancellable.js';
import { argumentError, DmremapError, OperationError } from '../base/errors.js';
import { numberOf } from '../base/units.js';
import { countStray, type EventTarget } from './completions.js';
import type { Device, DeviceIdentity, DeviceInfo } from './device.js';
import { isReadOnlyDevice, watchDisk } from './device-state.js';
import { EngineDevice } from './engine-device.js';
import { type EngineName, engineError, engineKind, enginesToTry, guaranteesOf } from './engines.js';
import { errnoName } from './errno.js';
import { eventKinds, type Native, native, nativeError, type OpenedDevice } from './native.js';
import { allocateError, openError } from './open-error.js';
import type { Issued, RequestListener, RequestSpec, Step, StepKind, StepResult } from './request.js';
import { wallOf } from './start-failure.js';

export interface OpenDeviceOptions extends CancelOptions {
  /** `write` holds the device exclusively: O_EXCL on a block device, flock(2) on a file. Default `read`. */
  readonly mode?: 'read' | 'write' | undefined;
  /** `prefer` takes buffered I/O with RWF_DSYNC where O_DIRECT is refused; `info.direct` says so. Default `require`. */
  readonly direct?: 'require' | 'prefer' | undefined;
  /**
   * Operations handed to the kernel at a time, 1 to 256; the rest waits where a cancel always works. Default 8. The engine
   * `threads` has 128 threads for all devices that a thread of JavaScript has open.
   */
  readonly window?: number | undefined;
  /**
   * Default `auto`: what DMREMAP_ENGINE names; else the first that can be used of io_uring, libaio and threads, where others
   * are open also the first that has room for one more. `info.engine` tells.
   */
  readonly engine?: 'auto' | EngineName | undefined;
}

const stepKinds: Record<StepKind, number> = { read: 0, write: 1, flush: 2 };
const outcomes = ['untouched', 'written', 'unknown'] as const;

/**
 * Opens a block device, or a regular file that behaves as one. It never blocks the event loop: open(2), flock(2) and
 * fallocate(2) run on a thread of their own.
 *
 * Rejections: ERR_DEVICE_NOT_FOUND, ERR_NOT_A_DEVICE, ERR_ACCESS, ERR_DEVICE_BUSY, ERR_DEVICE_READ_ONLY,
 * ERR_DEVICE_VANISHED, ERR_DEVICE_CHANGED, ERR_DIRECT_UNSUPPORTED, ERR_NO_SPACE, ERR_IO, ERR_ADDON_MISSING,
 * ERR_ENGINE_UNAVAILABLE, ERR_QUEUE_FULL, ERR_OUT_OF_MEMORY, ABORT_ERR, ERR_TIMEOUT; ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_OUT_OF_RANGE.
 */
export function openDevice(path: string, options: OpenDeviceOptions = {}): Cancellable<Device> {
  return cancellable<Device>(options, (settle) => {
    const { mode, direct, window } = checked(path, options);
    const candidates = enginesToTry(options.engine);
    let engine = candidates[0] as EngineName;
    const { addon, register, forget } = native();
    let aborted = false;
    // Waiting for the device keeps the process alive; an open that was given up does not, however long it hangs.
    let held = false;
    const hold = (on: boolean) => {
      if (held !== on) addon.hold(on);
      held = on;
    };
    const onOpened = (payload: unknown): void => {
      hold(false);
      proven.add(engine);
      const opened = payload as OpenedDevice;
      if (opened.failedStep !== undefined) {
        settle.reject(openError(path, opened));
        return;
      }
      const device = new NativeDevice(path, mode === 'write', opened, window, engine);
      // Too late for the caller, but the descriptor is ours to close.
      if (aborted) void device.close();
      else settle.resolve(device);
    };
    const id = register(once(onOpened));
    let failed: DmremapError | undefined;
    try {
      for (engine of candidates) {
        const failure = addon.open(id, path, mode === 'write', direct === 'prefer', engineKind(engine));
        const error = failure && failureOf(engine, failure.step, failure.error);
        //  That the better one is full is the reason, not that another cannot take its place.
        if (error === undefined || failed?.code !== 'ERR_QUEUE_FULL') failed = error;
        if (failure === undefined || failure.step === openThread) break;
      }
      if (failed !== undefined) throw failed;
    } catch (error) {
      forget(id);
      throw nativeError(error);
    }
    hold(true);
    return (request) => {
      aborted = true;
      hold(false);
      settle.reject(neverStarted(request));
    };
  });
}

class NativeDevice extends EngineDevice {
  readonly info: DeviceInfo;
  readonly #native: Native = native();
  readonly #device: number;
  readonly #allocating = new Set<Promise<void>>();
  readonly #isDiskGone: () => boolean;

  constructor(path: string, writable: boolean, opened: OpenedDevice, window: number, engine: EngineName) {
    super();
    const { sizeBytes, logicalBlockSize, physicalBlockSize, direct } = opened;
    const kind = opened.kind === 'block' ? 'block' : 'file';
    this.info = {
      path,
      kind,
      identity: identityOf(opened),
      engine,
      guarantees: guaranteesOf(engine),
      sizeBytes,
      logicalBlockSize,
      physicalBlockSize,
      writable,
      direct,
    };
    this.#device = opened.device;
    this.#isDiskGone = kind === 'block' ? watchDisk(this.info.identity) : () => false;
    this.#native.addon.configure(this.#device, window);
    lostDevices.register(this, this.#device, this);
  }

  protected override issue(spec: RequestSpec, listener: RequestListener): Issued {
    const request = new NativeRequest(this.#native, listener);
    try {
      const started = isSingle(spec) ? this.#startSingle(request, spec) : this.#submit(request, spec);
      if (!started) throw refused('ERR_QUEUE_FULL');
    } catch (thrown) {
      request.forget();
      const error = nativeError(thrown);
      throw error === thrown ? error : refused('ERR_OUT_OF_MEMORY', thrown);
    }
    return request;
  }

  #startSingle({ id }: NativeRequest, { groups: [group], durable }: RequestSpec): boolean {
    const [{ kind, offset, bytes }] = group as readonly [Step];
    return this.#native.addon.start(id, this.#device, stepKinds[kind], numberOf(offset), bytes, durable);
  }

  #submit({ id }: NativeRequest, { groups, durable }: RequestSpec): boolean {
    const { addon, dispatch } = this.#native;
    const flat = groups.flat().flatMap(({ kind, offset, bytes }) => [stepKinds[kind], offset, bytes]);
    let end = 0;
    const groupEnds = groups.map((group) => (end += group.length));
    const events = addon.submit(id, this.#device, flat, groupEnds, durable);
    if (events === false) return false;
    // Told after we have returned: the caller does not have its abort yet.
    if (events !== undefined) queueMicrotask(() => dispatch(events));
    return true;
  }

  override async allocate(bytes: number): Promise<void> {
    if (this.closed.aborted) throw new DmremapError('ERR_DEVICE_CLOSED');
    if (this.info.kind !== 'file') return;
    const allocating = this.#allocate(bytes);
    this.#allocating.add(allocating);
    await allocating.finally(() => this.#allocating.delete(allocating));
  }

  async #allocate(bytes: number): Promise<void> {
    const { addon, register, forget, dispatch } = this.#native;
    const release = this.holdLoop();
    const error = await new Promise<number>((resolve, reject) => {
      const id = register(once((payload) => resolve(payload as number)));
      try {
        dispatch(addon.allocate(id, this.#device, bytes));
      } catch (thrown) {
        forget(id);
        reject(nativeError(thrown));
      }
    }).finally(release);
    if (error !== 0) throw allocateError(this.info.path, error);
  }

  protected override sizeNow(): bigint | undefined {
    if (this.info.kind !== 'block') return undefined;
    return this.#isDiskGone() ? 0n : this.#native.addon.size(this.#device);
  }

  protected override isReadOnlyNow(): boolean {
    const { kind, identity } = this.info;
    return kind === 'block' && identity !== null && isReadOnlyDevice(identity);
  }

  protected override holdLoop(): () => void {
    this.#native.addon.hold(true);
    return () => this.#native.addon.hold(false);
  }

  protected override async release(): Promise<boolean> {
    lostDevices.unregister(this);
    const { register } = this.#native;
    const error = await new Promise<number>((resolve) => {
      closeDevice(register(once((payload) => resolve(payload as number))), this.#device);
    });
    // It has a descriptor of its own, and so holds the lock.
    await Promise.allSettled(this.#allocating);
    return error === 0;
  }
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** One step, at an offset that a number can hold. */
const isSingle = ({ groups }: RequestSpec): boolean => {
  const [group] = groups;
  const step = groups.length === 1 && group?.length === 1 ? group[0] : undefined;
  return step !== undefined && step.offset <= maxSafe;
};

/** The events of a request, on their way to whoever waits for it. It holds the arrays that a read is copied into. */
class NativeRequest implements EventTarget, Issued {
  readonly id: number;
  readonly #native: Native;
  readonly #listener: RequestListener;
  #settled = false;

  constructor(native: Native, listener: RequestListener) {
    this.#native = native;
    this.#listener = listener;
    this.id = native.register(this);
  }

  forget(): void {
    this.#native.forget(this.id);
  }

  abort(): void {
    this.#native.dispatch(this.#native.addon.abort(this.id));
  }

  onEvent(kind: number, payload: unknown): boolean {
    const results = payload === undefined ? 'all written' : resultsOf(payload as readonly number[]);
    if (this.#settled !== (kind === eventKinds.drained)) countStray();
    this.#settled = true;
    if (kind === eventKinds.drained) this.#listener.onDrained(results);
    else this.#listener.onSettled(results, kind === eventKinds.settled);
    return kind !== eventKinds.settledUndrained;
  }
}

function refused(code: 'ERR_QUEUE_FULL' | 'ERR_OUT_OF_MEMORY', cause?: unknown): OperationError {
  const drained = Promise.resolve('untouched' as const);
  return new OperationError(code, undefined, { cause, outcome: 'untouched', drained });
}

/** An event that comes once, by its payload. */
const once = (take: (payload: unknown) => void): EventTarget => ({
  onEvent: (_, payload) => {
    take(payload);
    return true;
  },
});

const identityOf = ({ major, minor, inode, diskSequence }: OpenedDevice): DeviceIdentity => ({
  deviceNumber: `${major}:${minor}`,
  inode: inode === 0n ? null : inode,
  diskSequence: diskSequence === 0n ? null : diskSequence,
});

/** Closes as soon as nothing prepared waits for the kernel any more. */
function closeDevice(id: number, device: number): void {
  const { addon, dispatch } = native();
  const events = addon.close(id, device);
  if (events === false) setTimeout(() => closeDevice(id, device), 5).unref();
  else dispatch(events);
}

// A device that was dropped without close() must not keep its lock until the process ends.
const lostDevices = new FinalizationRegistry<number>((device) => {
  closeDevice(native().register(once(() => {})), device);
});

function resultsOf(flat: readonly number[]): readonly StepResult[] {
  const results: StepResult[] = [];
  for (let at = 0; at < flat.length; at += 3) {
    results.push({ outcome: outcomes[flat[at] as 0 | 1 | 2], error: flat[at + 1] ?? 0 });
  }
  return results;
}

function checked(path: string, options: OpenDeviceOptions) {
  const { mode = 'read', direct = 'require', window = 8 } = options;
  if (typeof path !== 'string') throw argumentError('ERR_INVALID_ARG_TYPE', 'path must be a string');
  if (path === '' || path.includes('\0')) throw argumentError('ERR_INVALID_ARG_VALUE', 'path is not a path');
  if (mode !== 'read' && mode !== 'write') {
    throw argumentError('ERR_INVALID_ARG_VALUE', "mode must be 'read' or 'write'");
  }
  if (direct !== 'require' && direct !== 'prefer') {
    throw argumentError('ERR_INVALID_ARG_VALUE', "direct must be 'require' or 'prefer'");
  }
  if (!Number.isInteger(window) || window < 1 || window > 256) {
    throw argumentError('ERR_OUT_OF_RANGE', 'window must be a whole number from 1 to 256');
  }
  return { mode, direct, window };
}

const openThread = 'thread of the open';
/** Engines that have started in this thread. */
const proven = new Set<EngineName>();
/** What one more device can be short of, where others are open. */
const shortages: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'ENOSPC'];

/** The open itself needs a thread: without one nothing is wrong with the engine. Nor is there where it has started before. */
function failureOf(engine: EngineName, step: string, error: number): DmremapError {
  const errno = errnoName(error);
  const full = (message: string) => new DmremapError('ERR_QUEUE_FULL', message, { errno });
  if (step === openThread) return full(`no thread could be started to open the device: ${errno}`);
  if (!proven.has(engine) || !shortages.includes(errno)) return engineError(engine, step, error);
  const { reason } = wallOf({ step, errno });
  return full(`too many devices are open: ${engine} cannot take one more: ${step}: ${errno}: ${reason}`);
}
