// The writes of a device of somebody else's that ended with an unknown outcome, until it is known that nothing of them is in
// flight any more: by a `drained` promise that came with the rejection; where there was none, by `isUnsettled` of the device; where
// there is neither, never.
import { OperationError } from '../base/errors.js';
import { type SharedDoubt, shared } from '../base/shared.js';
import type { Device, WriteReport } from './device.js';
import { allOf, type Groups, propertyOf, writesFinally } from './evidence.js';

const firstPollMs = 20;
const lastPollMs = 1000;

interface Doubt {
  readonly places: readonly SharedDoubt[];
  readonly end: (final: readonly WriteReport[]) => void;
  /** What is reported when the device says that nothing is in flight there. */
  readonly groups: Groups;
}

export class Doubts {
  readonly #inner: Device;
  /** Those of every copy of the package that uses this device. */
  readonly #all: SharedDoubt[];
  /** Of these nothing but `isUnsettled` tells the end. */
  readonly #asked = new Set<Doubt>();

  constructor(inner: Device) {
    this.#inner = inner;
    const { doubts } = shared();
    this.#all = doubts.get(inner) ?? [];
    doubts.set(inner, this.#all);
  }

  /** Whether a write in doubt may still land in this range. */
  isIn(offset: bigint, length: number): boolean {
    for (const doubt of this.#asked) this.#ask(doubt);
    return this.#all.some(
      (place) => !place.ended && place.offset < offset + BigInt(length) && offset < place.end,
    );
  }

  /**
   * Takes in writes of which some have an unknown outcome. Resolves, to the final outcomes, when nothing is in flight.
   * @param thrown what the device has rejected with.
   */
  add(thrown: unknown, groups: Groups, writes: readonly WriteReport[]): Promise<readonly WriteReport[]> {
    const places = writes
      .filter(({ outcome }) => outcome === 'unknown')
      .map(({ offset, length }): SharedDoubt => ({ offset, end: offset + BigInt(length), ended: false }));
    if (places.length === 0) return Promise.resolve(writes);
    this.#all.push(...places);
    return new Promise((resolve) => {
      const end = (final: readonly WriteReport[]) => {
        for (const place of places) place.ended = true;
        this.#all.splice(0, this.#all.length, ...this.#all.filter(({ ended }) => !ended));
        resolve(final);
      };
      const doubt = { places, groups, end };
      const drained = drainedOf(thrown);
      if (drained === undefined) this.#poll(doubt);
      else
        drained.then(
          (final) => end(writesFinally(final, groups)),
          () => this.#poll(doubt),
        );
    });
  }

  #poll(doubt: Doubt): void {
    this.#asked.add(doubt);
    let waitMs = firstPollMs;
    const again = () => {
      if (this.#ask(doubt) !== 'open') return;
      setTimeout(again, waitMs).unref();
      waitMs = Math.min(2 * waitMs, lastPollMs);
    };
    again();
  }

  #ask(doubt: Doubt): 'open' | 'ended' | 'never' {
    if (!this.#asked.has(doubt)) return 'ended';
    const answers = doubt.places.map(({ offset, end }) =>
      askUnsettled(this.#inner, offset, Number(end - offset)),
    );
    if (answers.some((answer) => answer === undefined)) return 'never';
    if (answers.some((answer) => answer === true)) return 'open';
    this.#asked.delete(doubt);
    doubt.end(allOf(doubt.groups, 'unknown'));
    return 'ended';
  }
}

/** What the device says of its own writes; undefined where it gives no answer. */
export function askUnsettled(device: Device, offset: bigint, length: number): boolean | undefined {
  try {
    const answer: unknown = device.isUnsettled(offset, length);
    return typeof answer === 'boolean' ? answer : undefined;
  } catch {
    return undefined;
  }
}

/** The promise that came with a rejection. Of an error of this package without keeping the process alive for it. */
export function drainedOf(thrown: unknown): Promise<unknown> | undefined {
  try {
    if (thrown instanceof OperationError) {
      return new Promise<unknown>((resolve) => thrown.whenDrained(resolve as (final: unknown) => void));
    }
    const drained = propertyOf(thrown, 'drained');
    return typeof propertyOf(drained, 'then') === 'function' ? Promise.resolve(drained) : undefined;
  } catch {
    return undefined;
  }
}
