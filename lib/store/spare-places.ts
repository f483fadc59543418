// Room: store, pure part. Which places of the spare are taken, and which is the next to hand out: the lowest free one
// behind the metadata, at a distance that keeps a redirected request off its neighbour (format section 6 rule 12).
import { type Sector, sector } from '../base/units.js';
import { type Geometry, touchesMetadata } from '../format/geometry.js';

const firstFreeSector = 1280n;

export class SparePlaces {
  readonly #spareSectors: bigint;
  readonly #geometry: Geometry;
  readonly #spacing: bigint;
  readonly #sectors = new Set<bigint>();
  /** Sectors over the spacing: places that hold an entry, or a part of the room behind one. */
  readonly #taken = new Set<bigint>();
  /** Places that nobody gets although no entry is there. */
  readonly #reserved = new Set<bigint>();
  #next: bigint;

  constructor(spareSectors: bigint, geometry: Geometry, spacing: 8 | 1) {
    this.#spareSectors = spareSectors;
    this.#geometry = geometry;
    this.#spacing = BigInt(spacing);
    this.#next = firstFreeSector / this.#spacing;
  }

  has(spare: bigint): boolean {
    return this.#sectors.has(spare);
  }

  take(spare: bigint): void {
    this.#sectors.add(spare);
    // An entry that lies across two places keeps both: the room behind it belongs to it.
    this.#taken.add(spare / this.#spacing);
    this.#taken.add((spare + this.#spacing - 1n) / this.#spacing);
  }

  /** Keeps the place that begins at `spare` from being handed out, whatever becomes of the entries. */
  reserve(spare: bigint): void {
    this.#reserved.add(spare / this.#spacing);
  }

  release(spare: bigint): void {
    const place = spare / this.#spacing;
    if (this.#reserved.delete(place) && place < this.#next) this.#next = place;
  }

  clear(): void {
    this.#sectors.clear();
    this.#taken.clear();
    this.#next = firstFreeSector / this.#spacing;
  }

  /** The lowest free place, or undefined where there is none. */
  next(): Sector | undefined {
    for (; ; this.#next++) {
      const first = sector(this.#next * this.#spacing);
      if (first + this.#spacing > this.#spareSectors) return undefined;
      if (this.#taken.has(this.#next) || this.#reserved.has(this.#next)) continue;
      if (!touchesMetadata(this.#geometry, first, this.#spacing)) return first;
    }
  }
}
