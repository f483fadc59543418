// Room: store, pure part. From an original sector to its place on the spare: open addressing over typed arrays, so that a
// lookup costs a probe or two and allocates nothing, and 64 bits are kept as two halves, so that nothing is rounded.
import { lowHalf, type Sector } from '../../base/units.js';
import { maxEntries } from '../../format/structure.js';

/** Four times the entries: most misses end at their first cell, and there is always an empty one to stop at. */
const cellBits = 13;
const cells = 1 << cellBits;
const mask = cells - 1;

//  A bigint goes in as 64 bits and comes out as two halves, without a bigint in between.
const scratch = new BigUint64Array(1);
const halves = new Int32Array(scratch.buffer);
// Of this module: V8 looks up what is imported, and takes what is not for the constant that it is.
const [lowAt, highAt] = [lowHalf, 1 - lowHalf];

//  Drawn anew by each process: who writes a table on a disk cannot know which originals share a cell.
const drawnOdd = (): number => (Math.random() * 0x1_0000_0000) | 1;
const ofLow = drawnOdd();
const ofHigh = drawnOdd();

/** The cell where the search for a sector begins: the product's ends together, since for some strides one of them stays. */
function firstCell(low: number, high: number): number {
  const product = Math.imul(low ^ Math.imul(high, ofHigh), ofLow);
  return (product >>> (32 - cellBits)) ^ (product & mask);
}

export class OriginalIndex {
  /** Number of the key in the cell; 0: the cell is empty. */
  readonly #numbers = new Uint16Array(cells);
  /** Low and high half of each original, by its number. */
  readonly #keys = new Int32Array(2 * (maxEntries + 1));
  /** By number as well. */
  readonly #spares: (Sector | undefined)[] = [undefined];
  /** Numbers that were given back. */
  readonly #free: number[] = [];

  // The types are kept apart: code that takes both is slower at each of them.
  /** The spare sector of an original, a safe integer of 0 and above; undefined where it has none. */
  ofNumber(original: number): Sector | undefined {
    return this.#spares[this.#numberOf(original | 0, (original / 0x1_0000_0000) | 0)];
  }

  /** The same of a bigint of 0 to 2^64 - 1. */
  ofBigint(original: bigint): Sector | undefined {
    scratch[0] = original;
    return this.#spares[this.#numberOf(halves[lowAt] as number, halves[highAt] as number)];
  }

  /** Puts an original at a place of the spare, over the one that it had. At most 2,048 different originals. */
  set(original: bigint, spare: Sector): void {
    scratch[0] = original;
    const low = halves[lowAt] as number;
    const high = halves[highAt] as number;
    const known = this.#numberOf(low, high);
    const number = known === 0 ? (this.#free.pop() ?? this.#spares.length) : known;
    this.#spares[number] = spare;
    if (known !== 0) return;
    this.#keys[2 * number] = low;
    this.#keys[2 * number + 1] = high;
    let cell = firstCell(low, high);
    while (this.#numbers[cell] !== 0) cell = (cell + 1) & mask;
    this.#numbers[cell] = number;
  }

  /** How many originals have a place. */
  get size(): number {
    return this.#spares.length - 1 - this.#free.length;
  }

  /** Takes an original out, which must be there. */
  delete(original: bigint): void {
    scratch[0] = original;
    const low = halves[lowAt] as number;
    const high = halves[highAt] as number;
    const number = this.#numberOf(low, high);
    this.#spares[number] = undefined;
    this.#free.push(number);
    let empty = firstCell(low, high);
    while (this.#numbers[empty] !== number) empty = (empty + 1) & mask;
    // No search may end at the cell that gets empty and miss what lies behind: it moves up, unless its own search begins later.
    for (let cell = (empty + 1) & mask; this.#numbers[cell] !== 0; cell = (cell + 1) & mask) {
      const moved = this.#numbers[cell] as number;
      const first = firstCell(this.#keys[2 * moved] as number, this.#keys[2 * moved + 1] as number);
      if (((cell - first) & mask) < ((cell - empty) & mask)) continue;
      this.#numbers[empty] = moved;
      empty = cell;
    }
    this.#numbers[empty] = 0;
  }

  /** 0 where there is none. */
  #numberOf(low: number, high: number): number {
    const numbers = this.#numbers;
    const keys = this.#keys;
    for (let cell = firstCell(low, high); ; cell = (cell + 1) & mask) {
      const number = numbers[cell] as number;
      if (number === 0 || (keys[2 * number] === low && keys[2 * number + 1] === high)) return number;
    }
  }
}
