// What a device has under way, in the order of the calls. Linked through its elements and not a Set: one that many come to and go
// from is made anew each time it has grown, and what V8 has moved to its old space of the one before keeps all of them from being
// collected for cheap.
import type { Pending } from './request.js';

/** Fields of an element that only the list touches. */
export interface Links {
  before: Pending | undefined;
  after: Pending | undefined;
}

export class PendingList {
  #first: Pending | undefined;
  #last: Pending | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(pending: Pending): void {
    pending.before = this.#last;
    if (this.#last === undefined) this.#first = pending;
    else this.#last.after = pending;
    this.#last = pending;
    this.#size++;
  }

  /** It must be in this list. */
  remove(pending: Pending): void {
    const { before, after } = pending;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    pending.before = undefined;
    pending.after = undefined;
    this.#size--;
  }

  /** Those that are in it now. */
  all(): Pending[] {
    const all: Pending[] = [];
    for (let pending = this.#first; pending !== undefined; pending = pending.after) all.push(pending);
    return all;
  }
}
