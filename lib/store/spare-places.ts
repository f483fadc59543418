// Room: store, pure part. Which places of the spare are taken, and which is the next to hand out: the lowest free one
// behind the metadata, at a distance that keeps a redirected request off its neighbour (format section 6 rule 12).
import { type Sector, sector } from '../base/units.js';
import { type Geometry, touchesMetadata } from '../format/geometry.js';

const firstFreeSector = 1280n;

export class SparePlaces {
  readonly #spareSectors: bigint;
  readonly #geometry: Geometry;
  readonly #spacing: bigint;
  /** How many entries stand at a sector: on a disk it can be several. */
  readonly #sectors = new Map<bigint, number>();
  /** Sectors over the spacing: how many entries a place holds, or parts of the room behind one. */
  readonly #taken = new Map<bigint, number>();
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
    count(this.#sectors, spare, 1);
    for (const place of this.#placesOf(spare)) count(this.#taken, place, 1);
  }

  /** Takes back one `take` of it. */
  drop(spare: bigint): void {
    count(this.#sectors, spare, -1);
    for (const place of this.#placesOf(spare)) {
      count(this.#taken, place, -1);
      this.#mayBeFree(place);
    }
  }

  /** Keeps the place that begins at `spare` from being handed out, whatever becomes of the entries. */
  reserve(spare: bigint): void {
    this.#reserved.add(spare / this.#spacing);
  }

  release(spare: bigint): void {
    const place = spare / this.#spacing;
    if (this.#reserved.delete(place)) this.#mayBeFree(place);
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

  /** An entry that lies across two places keeps both: the room behind it belongs to it. */
  #placesOf(spare: bigint): readonly bigint[] {
    const first = spare / this.#spacing;
    const last = (spare + this.#spacing - 1n) / this.#spacing;
    return first === last ? [first] : [first, last];
  }

  #mayBeFree(place: bigint): void {
    if (place < this.#next && place >= firstFreeSector / this.#spacing) this.#next = place;
  }
}

function count(counts: Map<bigint, number>, key: bigint, by: 1 | -1): void {
  const now = (counts.get(key) ?? 0) + by;
  if (now === 0) counts.delete(key);
  else counts.set(key, now);
}
