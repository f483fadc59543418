// Room: store, pure part. The entries in force by rising original, and what a request over many sectors meets in them: asking
// for each of its sectors would cost as much as the request is long.
import { maxEntries, type RemapEntry } from '../../format/structure.js';

export class RisingEntries {
  readonly #entries: RemapEntry[];
  /** Of the same entries: a search touches these alone, 64 bits each, side by side. */
  readonly #originals = new BigUint64Array(maxEntries);

  /** @param entries a table, at most 2,048: of each original the last one is in force (format.md section 5). */
  constructor(entries: readonly RemapEntry[]) {
    // The sort keeps the order of duplicates.
    const sorted = [...entries].sort((a, b) =>
      a.originalSector < b.originalSector ? -1 : Number(a.originalSector > b.originalSector),
    );
    this.#entries = sorted.filter((entry, at) => entry.originalSector !== sorted[at + 1]?.originalSector);
    this.#entries.forEach(({ originalSector }, at) => {
      this.#originals[at] = originalSector;
    });
  }

  /** Takes in an entry whose original is not there yet. */
  add(entry: RemapEntry): void {
    const place = this.#placeFrom(entry.originalSector);
    this.#originals.copyWithin(place + 1, place);
    this.#originals[place] = entry.originalSector;
    this.#entries.splice(place, 0, entry);
  }

  /** Takes the entry of an original out, which must be there. */
  remove(original: bigint): void {
    const place = this.#placeFrom(original);
    this.#originals.copyWithin(place, place + 1);
    this.#entries.splice(place, 1);
  }

  /** The entries whose originals lie in [start, end), rising. */
  within(start: bigint, end: bigint): RemapEntry[] {
    const first = this.#placeFrom(start);
    let last = first;
    while (last < this.#entries.length && (this.#originals[last] as bigint) < end) last++;
    return this.#entries.slice(first, last);
  }

  /** The place of the first entry whose original is not below `start`. */
  #placeFrom(start: bigint): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#originals[middle] as bigint) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
