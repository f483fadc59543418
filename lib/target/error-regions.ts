// Room: target, pure part. Where the errors of one device lie: neighbouring ones are one region. A disk that fails everywhere
// gets no more memory than another one: where there would be too many regions, the two that lie closest become one. To keep
// the first so many and count no others is what looks simpler; the defect that grows is then the one that is not seen.

/** Errors that lie close to each other. */
interface Region {
  readonly first: bigint;
  readonly last: bigint;
  /** How many errors, not how many sectors. */
  readonly errors: number;
  /** When the last of them was. */
  readonly atMs: number;
}

export class ErrorRegions {
  readonly #gap: bigint;
  readonly #limit: number;
  /** By sector; between two of them lie more than `gap` sectors, unless there were too many of them. */
  #regions: Region[] = [];

  /**
   * @param gapSectors errors with no more sectors between them are neighbours.
   * @param limit how many regions are kept, 1 at least.
   */
  constructor(gapSectors: bigint, limit: number) {
    this.#gap = gapSectors;
    this.#limit = limit;
  }

  /** Lowest sector first. */
  get list(): readonly Region[] {
    return this.#regions;
  }

  add(first: bigint, last: bigint, atMs: number): void {
    const regions = this.#regions;
    const from = this.#firstEndingFrom(first - this.#gap - 1n);
    let to = from;
    let region: Region = { first, last, errors: 1, atMs };
    for (
      let next = regions[to];
      next !== undefined && next.first <= last + this.#gap + 1n;
      next = regions[++to]
    ) {
      region = merged(region, next);
    }
    regions.splice(from, to - from, region);
    if (regions.length > this.#limit) this.#mergeClosest();
  }

  /** Drops the regions without an error since this time. */
  forgetUntil(ms: number): void {
    if (this.#regions.some(({ atMs }) => atMs <= ms)) {
      this.#regions = this.#regions.filter(({ atMs }) => atMs > ms);
    }
  }

  /** The index of the first region whose last sector is this one or a later one. */
  #firstEndingFrom(sector: bigint): number {
    let low = 0;
    let high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#regions[middle] as Region).last < sector) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #mergeClosest(): void {
    const regions = this.#regions;
    const gapAfter = (at: number) => (regions[at + 1] as Region).first - (regions[at] as Region).last;
    let closest = 0;
    for (let at = 1; at < regions.length - 1; at++) if (gapAfter(at) < gapAfter(closest)) closest = at;
    regions.splice(closest, 2, merged(regions[closest] as Region, regions[closest + 1] as Region));
  }
}

const merged = (a: Region, b: Region): Region => ({
  first: a.first < b.first ? a.first : b.first,
  last: a.last > b.last ? a.last : b.last,
  errors: a.errors + b.errors,
  atMs: Math.max(a.atMs, b.atMs),
});
