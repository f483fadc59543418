// Who waits for which event of the native part. A number is a place and, above it, a generation: places are used again, and an
// event that comes late is not taken for one of the next in its place.
import { DmremapError } from '../base/errors.js';

/** Whoever waits for the events of an id. */
export interface EventTarget {
  /** Returns true with the last one. @param payload undefined where a request has settled, drained and succeeded. */
  onEvent(kind: number, payload: unknown): boolean;
}

let strays = 0;

/** Events that nobody waits for any more, or that came twice: always 0, or the native part does not keep its protocol. */
export const strayEvents = (): number => strays;

/** Tells of an event that must not be. */
export const countStray = (): void => {
  strays++;
};

/** As in native/request_table.h. */
const placeBits = 22;
const placeMask = 2 ** placeBits - 1;
const generationStep = 2 ** placeBits;

/** Those who wait, by numbers from 1 to 2^32 - 1. */
export class Targets {
  //  Place 0 is nobody's, and so no number is 0.
  readonly #targets: (EventTarget | undefined)[] = [undefined];
  /** The number that each place has now, or had last. */
  readonly #ids: number[] = [0];
  readonly #free: number[] = [];

  add(target: EventTarget): number {
    const place = this.#free.pop() ?? this.#newPlace();
    const id = ((this.#ids[place] as number) + generationStep) >>> 0;
    this.#ids[place] = id;
    this.#targets[place] = target;
    return id;
  }

  remove(id: number): void {
    const place = id & placeMask;
    if (this.#ids[place] !== id || this.#targets[place] === undefined) return;
    this.#targets[place] = undefined;
    this.#free.push(place);
  }

  tell(id: number, kind: number, payload: unknown): void {
    const place = id & placeMask;
    const target = this.#ids[place] === id ? this.#targets[place] : undefined;
    if (target === undefined) countStray();
    else if (target.onEvent(kind, payload)) this.remove(id);
  }

  #newPlace(): number {
    const place = this.#targets.length;
    if (place > placeMask) throw new DmremapError('ERR_QUEUE_FULL');
    this.#targets.push(undefined);
    return this.#ids.push(place) - 1;
  }
}
