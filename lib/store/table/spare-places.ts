// Room: store, pure part. Which places of the spare are taken, and which is the next to hand out: the lowest free one
// behind the metadata, at a distance that keeps a redirected request off its neighbour (format.md rule 12).
import { type Sector, sector } from '../../base/units.js';
import { type Geometry, touchesMetadata } from '../../format/geometry.js';
import { slotBytes } from '../../format/structure.js';

const firstFreeSector = 1280n;
const sectorBytes = 512;

/** Sectors behind its own that a redirected request reaches. */
export const reach = 7n;

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
  /** How often a place is kept back for a sector that it would reach, or that would reach it. */
  readonly #held = new Map<bigint, number>();
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

  /** Keeps every place from being handed out whose data, or the room behind it, would meet that of `spare`. */
  hold(spare: bigint): void {
    for (const place of this.#placesNear(spare)) count(this.#held, place, 1);
  }

  /** Takes back one `hold` of it. */
  letGo(spare: bigint): void {
    for (const place of this.#placesNear(spare)) {
      count(this.#held, place, -1);
      this.#mayBeFree(place);
    }
  }

  /** Whether a place that was handed out, or put aside, has this sector. */
  isReserved(spare: bigint): boolean {
    return this.#reserved.has(spare / this.#spacing);
  }

  /** How many places can be handed out, and how many more could be if none were held. */
  count(): { readonly free: bigint; readonly held: number } {
    const end = this.#spareSectors / this.#spacing;
    const exists = (place: bigint) => place >= firstFreeSector / this.#spacing && place < end;
    const gone = new Set(
      [...this.#taken.keys(), ...this.#reserved, ...this.#metadataPlaces()].filter(exists),
    );
    const held = [...this.#held.keys()].filter((place) => exists(place) && !gone.has(place)).length;
    const all = end - firstFreeSector / this.#spacing;
    return { free: all < 0n ? 0n : all - BigInt(gone.size + held), held };
  }

  /** The lowest free place, or undefined where there is none. */
  next(): Sector | undefined {
    for (; ; this.#next++) {
      const first = sector(this.#next * this.#spacing);
      if (first + this.#spacing > this.#spareSectors) return undefined;
      if (this.#taken.has(this.#next) || this.#reserved.has(this.#next) || this.#held.has(this.#next))
        continue;
      if (!touchesMetadata(this.#geometry, first, this.#spacing)) return first;
    }
  }

  /** An entry that lies across two places keeps both: the room behind it belongs to it. */
  #placesOf(spare: bigint): readonly bigint[] {
    const first = spare / this.#spacing;
    const last = (spare + this.#spacing - 1n) / this.#spacing;
    return first === last ? [first] : [first, last];
  }

  /** A request that is redirected whole reaches seven sectors further: that of a neighbour as well as its own. */
  #placesNear(spare: bigint): bigint[] {
    const first = spare < reach ? 0n : (spare - reach + this.#spacing - 1n) / this.#spacing;
    const last = (spare + reach) / this.#spacing;
    return Array.from({ length: Number(last - first) + 1 }, (_, at) => first + BigInt(at));
  }

  *#metadataPlaces(): Iterable<bigint> {
    for (const slot of this.#geometry.slots) {
      const first = slot / BigInt(sectorBytes) / this.#spacing;
      const end = (slot + BigInt(slotBytes)) / BigInt(sectorBytes) / this.#spacing;
      for (let place = first; place < end; place++) yield place;
    }
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
