// A device in memory that lies: pristine bytes with faults laid on top, which can be lifted again, and a power cut at any
// moment. What it does is decided by its rules and its seed, so each failure can be repeated.
//
//   fault         what is told      what is on the medium
//   error         its errno         nothing
//   torn          EIO, or success   some blocks new, some old
//   short         a part            a prefix
//   lost          success           nothing
//   misdirected   success           the bytes, in another place
//   late          nothing yet       the bytes, once `resume()` lets them land
//   vanished      ENODEV, from now  nothing, for this and every later operation
import { constants } from 'node:os';
import { MemoryDevice, type MemoryDeviceOptions } from './memory-device.js';
import type { Step, StepKind, StepResult } from './request.js';

export type Fault =
  | { readonly fault: 'error'; readonly errno: 'EIO' | 'ENOSPC' | 'EROFS' | 'ENODEV' }
  | { readonly fault: 'torn'; readonly atomicity: 512 | 4096; readonly acknowledged?: boolean }
  | { readonly fault: 'short' }
  | { readonly fault: 'lost' }
  /** `by` bytes further on; where that is beyond the device, nowhere. */
  | { readonly fault: 'misdirected'; readonly by: number }
  | { readonly fault: 'late' }
  | { readonly fault: 'vanished' };

/** Which operations a fault is laid on. */
export interface FaultRule {
  readonly on: StepKind;
  /** Only the n-th of its kind from now on, counted from 1. Default: each. */
  readonly nth?: number | undefined;
  /** Only what touches this range. Default: the whole device. */
  readonly range?: { readonly offset: bigint; readonly length: number } | undefined;
}

export interface LyingDeviceOptions extends MemoryDeviceOptions {
  /** Decides where things tear. Default 1. */
  readonly seed?: number;
}

/** What becomes of a write that was in flight when the power went. */
export type InFlight = 'old' | 'new' | 'torn';

interface Laid {
  readonly fault: Fault;
  readonly rule: FaultRule;
  seen: number;
}

const done: StepResult = { outcome: 'written', error: 0 };
const short: StepResult = { outcome: 'unknown', error: 0 };
const failed = (errno: keyof typeof constants.errno): StepResult => ({
  outcome: 'unknown',
  error: constants.errno[errno],
});

export class LyingDevice extends MemoryDevice {
  readonly seed: number;
  /** Operations so far, by kind. */
  readonly count = { read: 0, write: 0, flush: 0 };
  readonly #laid = new Set<Laid>();
  readonly #medium: Uint8Array;
  #unflushed: Step[] = [];
  #random: number;
  #vanished = false;
  #cut: { readonly atWrite: number; readonly inFlight: readonly InFlight[] } | undefined;

  constructor(content: Uint8Array | number, options: LyingDeviceOptions = {}) {
    super(content, options);
    this.seed = options.seed ?? 1;
    this.#random = this.seed >>> 0 || 1;
    this.#medium = Uint8Array.from(this.bytes);
  }

  /** Lays a fault on; the returned function lifts it again. */
  lay(fault: Fault, rule: FaultRule): () => void {
    const laid = { fault, rule, seen: 0 };
    this.#laid.add(laid);
    return () => this.#laid.delete(laid);
  }

  /** The device is honest again, also one that had vanished. What is on the medium stays as it is. */
  liftAll(): void {
    this.#laid.clear();
    this.#vanished = false;
  }

  /**
   * The power goes while the n-th write from the beginning (counted from 1) is in flight, with what is in flight beside
   * it. `inFlight` says what becomes of each of these, in order. From then on nothing answers but ENODEV.
   */
  cutPowerAt(atWrite: number, inFlight: readonly InFlight[]): void {
    this.#cut = { atWrite, inFlight };
  }

  get isPoweredOff(): boolean {
    return this.#vanished && this.#cut !== undefined;
  }

  /** What is there when the power is back: what was durable, and of the rest some, torn anywhere. */
  afterPowerCut(): Uint8Array {
    const image = Uint8Array.from(this.#medium);
    for (const step of this.#unflushed) {
      const fate = this.#next() % 3;
      if (fate === 1) image.set(step.bytes, Number(step.offset));
      if (fate === 2) this.#tear(image, step, 512);
    }
    return image;
  }

  protected override perform(steps: readonly Step[], durable: boolean): StepResult[] {
    const writes = steps.filter(({ kind }) => kind === 'write').length;
    const before = this.count.write;
    if (this.#cut !== undefined && before < this.#cut.atWrite && this.#cut.atWrite <= before + writes) {
      return this.#losePower(steps, this.#cut.inFlight);
    }
    return steps.map((step) => this.#performOne(step, durable));
  }

  protected override isHeld(steps: readonly Step[]): boolean {
    const late = steps.some((step, at) => {
      const before = steps.slice(0, at).filter(({ kind }) => kind === step.kind).length;
      return this.#faultOn(step, before)?.fault === 'late';
    });
    return super.isHeld(steps) || late;
  }

  #performOne(step: Step, durable: boolean): StepResult {
    this.count[step.kind]++;
    const fault = this.#faultOn(step, 'now');
    if (fault?.fault === 'vanished') this.#vanished = true;
    if (this.#vanished) return failed('ENODEV');
    switch (fault?.fault) {
      case undefined:
      case 'vanished':
      case 'late':
        return this.#store(step, durable);
      case 'error':
        return failed(fault.errno);
      case 'lost':
        return step.kind === 'read' ? this.#store(step, durable) : done;
      case 'misdirected': {
        const offset = (step.offset + BigInt(fault.by)) as Step['offset'];
        const fits = offset >= 0n && offset + BigInt(step.bytes.length) <= this.info.sizeBytes;
        return fits ? this.#store({ ...step, offset }, durable) : done;
      }
      case 'short': {
        const half = step.bytes.length / 2;
        const whole = half - (half % this.info.logicalBlockSize);
        if (whole > 0) this.#store({ ...step, bytes: step.bytes.subarray(0, whole) }, durable);
        return short;
      }
      case 'torn':
        if (durable) this.#destage(step);
        for (const image of durable ? [this.bytes, this.#medium] : [this.bytes]) {
          if (step.kind === 'write') this.#tear(image, step, fault.atomicity, this.#random);
        }
        this.#next();
        return fault.acknowledged ? done : failed('EIO');
    }
  }

  /** An honest transfer, to the medium where it is durable, else to the cache. */
  #store(step: Step, durable: boolean): StepResult {
    if (step.kind === 'write') {
      if (durable) {
        this.#destage(step);
        this.#medium.set(step.bytes, Number(step.offset));
      } else this.#unflushed.push({ ...step, bytes: Uint8Array.from(step.bytes) });
    }
    if (step.kind === 'flush') {
      for (const { offset, bytes } of this.#unflushed) this.#medium.set(bytes, Number(offset));
      this.#unflushed = [];
    }
    return this.transfer(step);
  }

  /** What the cache holds for these bytes goes to the medium, with all that is older: what comes now is newer. */
  #destage({ offset, bytes }: Step): void {
    const end = offset + BigInt(bytes.length);
    const last = this.#unflushed.findLastIndex(
      (step) => step.offset < end && offset < step.offset + BigInt(step.bytes.length),
    );
    for (const step of this.#unflushed.splice(0, last + 1)) this.#medium.set(step.bytes, Number(step.offset));
  }

  #losePower(steps: readonly Step[], inFlight: readonly InFlight[]): StepResult[] {
    this.#vanished = true;
    let at = 0;
    for (const step of steps) {
      this.count[step.kind]++;
      if (step.kind !== 'write') continue;
      const fate = inFlight[at++] ?? 'torn';
      if (fate === 'new') this.#medium.set(step.bytes, Number(step.offset));
      if (fate === 'torn') this.#tear(this.#medium, step, 512);
    }
    return steps.map(() => failed('ENODEV'));
  }

  /** Writes some blocks of a step and not the others: at least one of each, where there are two. */
  #tear(image: Uint8Array, { offset, bytes }: Step, atomicity: number, state = this.#next()): void {
    const blocks = Math.ceil(bytes.length / atomicity);
    const always = state % blocks;
    const never = (always + 1 + (state % Math.max(1, blocks - 1))) % blocks;
    let bits = state;
    for (let block = 0; block < blocks; block++) {
      bits = scramble(bits);
      const isNew = block === always || (block !== never && (bits & 1) === 1);
      if (!isNew) continue;
      const start = block * atomicity;
      image.set(bytes.subarray(start, start + atomicity), Number(offset) + start);
    }
  }

  /** The fault on a step that is done now, or on one before which `ahead` others of its kind are still to come. */
  #faultOn(step: Step, ahead: number | 'now'): Fault | undefined {
    let found: Fault | undefined;
    for (const laid of this.#laid) {
      const { on, nth, range } = laid.rule;
      if (on !== step.kind) continue;
      const end = step.offset + BigInt(step.bytes.length);
      if (range !== undefined && !(step.offset < range.offset + BigInt(range.length) && range.offset < end))
        continue;
      const number = laid.seen + 1 + (ahead === 'now' ? 0 : ahead);
      if (ahead === 'now') laid.seen = number;
      if (nth === undefined || nth === number) found ??= laid.fault;
    }
    return found;
  }

  #next(): number {
    this.#random = scramble(this.#random);
    return this.#random;
  }
}

/** xorshift32: the same numbers for the same seed, everywhere. */
function scramble(state: number): number {
  let next = state;
  next ^= next << 13;
  next ^= next >>> 17;
  next ^= next << 5;
  return next >>> 0;
}
