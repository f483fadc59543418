// A list through its elements, in the order in which they came. Not a Set where many come and go: that is made anew each time it has
// grown, and what V8 has moved to its old space of the one before keeps all of them from being collected for cheap.

/** Fields of an element that only its list touches. It is in one list at a time. */
export interface Links<T> {
  before: T | undefined;
  after: T | undefined;
}

export class LinkedList<T extends Links<T>> {
  #first: T | undefined;
  #last: T | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(element: T): void {
    element.before = this.#last;
    if (this.#last === undefined) this.#first = element;
    else this.#last.after = element;
    this.#last = element;
    this.#size++;
  }

  /** It must be in this list. */
  remove(element: T): void {
    const { before, after } = element;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    element.before = undefined;
    element.after = undefined;
    this.#size--;
  }

  /** Those that are in it now. */
  all(): T[] {
    const all: T[] = [];
    for (let element = this.#first; element !== undefined; element = element.after) all.push(element);
    return all;
  }
}
