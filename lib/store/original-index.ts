// Room: store, pure part. From an original sector to a place in the table: open addressing over typed arrays, so that
// a lookup costs a probe or two and allocates nothing, and 64 bits are kept as two halves, so that nothing is rounded.
import { maxEntries } from '../format/structure.js';

/** Twice the entries: at half load a probe is short, and there is always an empty cell to stop at. */
const cells = maxEntries * 2;
const mask = cells - 1;

//  A bigint goes in as 64 bits and comes out as two halves, without a bigint in between.
const scratch = new BigUint64Array(1);
const halves = new Uint32Array(scratch.buffer);

/** Splits a sector of 0 to 2^64 - 1 into `low` and `high`. Not re-entrant, and never has to be. */
const half = { low: 0, high: 0 };
function split(sector: bigint | number): void {
  if (typeof sector === 'number') {
    half.low = sector >>> 0;
    half.high = (sector / 0x1_0000_0000) >>> 0;
  } else {
    scratch[0] = sector;
    half.low = halves[0] ?? 0;
    half.high = halves[1] ?? 0;
  }
}

export class OriginalIndex {
  readonly #low = new Uint32Array(cells);
  readonly #high = new Uint32Array(cells);
  /** Place in the table plus one; 0: the cell is empty. */
  readonly #place = new Uint16Array(cells);

  /** The place of a sector, or -1. The sector must be a whole number of 0 to 2^64 - 1. */
  get(sector: bigint | number): number {
    split(sector);
    return (this.#place[this.#cellOf(half.low, half.high)] ?? 0) - 1;
  }

  /** Puts a sector at a place, over the one that it had. At most 2,048 different sectors. */
  set(sector: bigint, place: number): void {
    split(sector);
    const { low, high } = half;
    const cell = this.#cellOf(low, high);
    this.#low[cell] = low;
    this.#high[cell] = high;
    this.#place[cell] = place + 1;
  }

  clear(): void {
    this.#place.fill(0);
  }

  /** The cell that holds the sector, or the empty one where it belongs. */
  #cellOf(low: number, high: number): number {
    // Neighbours are what fails on a disk, so the low bits alone would do; the product keeps strides of 4,096 apart.
    let cell = (Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1) >>> 16) & mask;
    while (this.#place[cell] !== 0 && (this.#low[cell] !== low || this.#high[cell] !== high)) {
      cell = (cell + 1) & mask;
    }
    return cell;
  }
}
