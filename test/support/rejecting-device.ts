// A device as a caller of the library might write one: honest about what it reads and writes, and free in what it rejects with.
import { DmremapError, OperationError } from '../../lib/base/errors.js';
import { BatchError, type Device, type WriteStep } from '../../lib/device/device.js';
import type { MemoryDevice } from '../../lib/device/memory-device.js';

export type Call = 'read' | 'write' | 'flush';

/** How much of the call is done before it is rejected. A `half` is the first half of the bytes of each write of the last group. */
export type Landed = 'nothing' | 'first group' | 'half' | 'all';

export interface Rejection {
  readonly call: Call;
  /** Which call of the kind, from 0. */
  readonly at: number;
  readonly landed: Landed;
  /** What it rejects with, or throws at the call. */
  readonly way: Way;
}

export interface Way {
  readonly name: string;
  /** @param drained resolves when what has not landed yet has. */
  error(drained: Promise<unknown>): unknown;
  /** Throws instead of rejecting. */
  readonly throws?: boolean;
  /** Resolves `undefined` from a function that gives no promise. */
  readonly noPromise?: boolean;
}

const untrue = { get: () => 'x' };

/** Every kind of thing that a device can reject with. None of them proves that nothing was written. */
export const ways: readonly Way[] = [
  { name: 'an Error', error: () => new Error('the controller says no') },
  { name: 'an Error, thrown', error: () => new Error('the controller says no'), throws: true },
  { name: 'a TypeError', error: () => new TypeError('undefined is not a function') },
  { name: 'a string', error: () => 'no' },
  { name: 'undefined', error: () => undefined },
  { name: 'null', error: () => null },
  { name: 'a number', error: () => -5 },
  {
    name: 'an errno of Node.js',
    error: () => Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO', errno: -5 }),
  },
  { name: 'an AbortError that nobody asked for', error: () => new DOMException('aborted', 'AbortError') },
  { name: 'a DmremapError', error: () => new DmremapError('ERR_IO', 'it failed', { errno: 'EIO' }) },
  { name: 'a DmremapError with a code of an abort', error: () => new DmremapError('ABORT_ERR') },
  {
    name: 'an OperationError, unknown',
    error: (drained) =>
      new OperationError('ERR_IO', 'it failed', {
        errno: 'EIO',
        outcome: 'unknown',
        drained: drained.then(() => 'unknown' as const),
      }),
  },
  {
    name: 'an OperationError, written',
    error: (drained) =>
      new OperationError('ERR_IO', 'it failed', {
        outcome: 'written',
        drained: drained.then(() => 'written' as const),
      }),
  },
  {
    name: 'a BatchError with an empty list',
    error: (drained) =>
      new BatchError('ERR_IO', 'it failed', { writes: [], drained: drained.then(() => []) }),
  },
  {
    name: 'a BatchError about other writes',
    error: (drained) => {
      const writes = [
        { group: 0, offset: 7n as never, length: 512, outcome: 'untouched' as const, errno: undefined },
      ];
      return new BatchError('ERR_IO', 'it failed', { writes, drained: drained.then(() => writes) });
    },
  },
  {
    name: 'an object with the fields of an error that is untouched',
    error: () => ({ code: 'ERR_IO', message: 'it failed', outcome: 'untouched', writes: [] }),
  },
  {
    name: 'an object of which nothing can be asked',
    error: () =>
      new Proxy(
        {},
        {
          ...untrue,
          get: () => {
            throw new Error('never');
          },
        },
      ),
  },
  {
    name: 'an error with a drained that rejects',
    error: (drained) =>
      Object.assign(new Error('no'), { drained: drained.then(() => Promise.reject(new Error('never'))) }),
  },
  { name: 'no promise at all', error: () => undefined, noPromise: true },
];

/** What it answers to `isUnsettled` about writes that were rejected. */
export type Answer = 'truth' | 'throws' | 'missing' | 'nonsense';

export class RejectingDevice implements Device {
  readonly inner: MemoryDevice;
  readonly counts: Record<Call, number> = { read: 0, write: 0, flush: 0 };
  readonly isUnsettled: Device['isUnsettled'];
  #rejections: readonly Rejection[] = [];
  #late: (() => void)[] = [];

  constructor(inner: MemoryDevice, answer: Answer = 'truth') {
    this.inner = inner;
    const answers: Record<Answer, unknown> = {
      truth: () => this.#late.length > 0,
      throws: () => {
        throw new Error('never');
      },
      missing: undefined,
      nonsense: () => 'perhaps',
    };
    this.isUnsettled = answers[answer] as Device['isUnsettled'];
  }

  /** From the next call on, which is number 0 of its kind. */
  reject(...rejections: readonly Rejection[]): void {
    this.#rejections = rejections;
    for (const call of Object.keys(this.counts) as Call[]) this.counts[call] = 0;
  }

  /** Lets land what was rejected and had not. */
  land(): void {
    for (const land of this.#late.splice(0)) land();
  }

  get info() {
    return this.inner.info;
  }

  get closed() {
    return this.inner.closed;
  }

  allocate: Device['allocate'] = () => this.inner.allocate();
  close: Device['close'] = (...call) => this.inner.close(...call);

  read: Device['read'] = (...call) => this.#run('read', () => this.inner.read(...call), []) as never;
  flush: Device['flush'] = (...call) => this.#run('flush', () => this.inner.flush(...call), []) as never;
  write: Device['write'] = (offset, bytes, options) =>
    this.#run('write', () => this.inner.write(offset, bytes, options), [
      [{ offset: offset as never, bytes }],
    ]) as never;
  writeOrdered: Device['writeOrdered'] = (groups, options) =>
    this.#run('write', () => this.inner.writeOrdered(groups, options), groups) as never;

  async [Symbol.asyncDispose](): Promise<void> {}

  #run(call: Call, honest: () => Promise<unknown>, groups: readonly (readonly WriteStep[])[]): unknown {
    const number = this.counts[call]++;
    const rejection = this.#rejections.find((one) => one.call === call && one.at === number);
    if (rejection === undefined) return honest();
    const { way, landed } = rejection;
    const steps = groups.map((group) =>
      group.map(({ offset, bytes }) => ({ at: Number(offset), bytes: bytes.slice() })),
    );
    const put = (at: number, bytes: Uint8Array) => this.inner.bytes.set(bytes, at);
    const now = landed === 'all' ? steps : landed === 'nothing' ? [] : steps.slice(0, 1);
    for (const [number, group] of now.entries())
      for (const { at, bytes } of group) {
        const isHalf = landed === 'half' && number === now.length - 1;
        put(at, isHalf ? bytes.subarray(0, bytes.length / 2) : bytes);
      }
    //  The rest lands when the test says so.
    const rest = landed === 'all' ? [] : steps;
    let ended = () => {};
    const drained = new Promise<void>((resolve) => {
      ended = resolve;
    });
    if (rest.length === 0) ended();
    else
      this.#late.push(() => {
        for (const { at, bytes } of rest.flat()) put(at, bytes);
        ended();
      });
    const error = way.error(drained);
    if (way.noPromise) return error;
    if (way.throws) throw error;
    return Promise.reject(error);
  }
}
