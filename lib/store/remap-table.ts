// Room: store, pure part. The table that is being prepared for the next commit: which sector of main stands where on
// the spare. It refuses what would lose data (format section 6 rule 12) and remembers nothing about devices.
import { argumentError, DmremapError } from '../base/errors.js';
import { type Sector, sector, type UnixNanoseconds, u64Max, unixNanoseconds } from '../base/units.js';
import { type Geometry, geometries, touchesMetadata } from '../format/geometry.js';
import { remapEntry } from '../format/metadata.js';
import { maxEntries, type RemapEntry } from '../format/structure.js';

export interface RemapTableOptions {
  /** Sizes that originals and spare sectors are held against, in 512-byte sectors. */
  readonly mainSectors: bigint;
  readonly spareSectors: bigint;
  /** Where the copies lie: no spare sector is handed out or taken there. Default: the driver geometry. */
  readonly geometry?: Geometry | undefined;
  /**
   * Distance of the sectors that the allocator hands out. The module redirects a request that starts on a remapped
   * sector whole, so spare sectors that follow each other get overwritten by their neighbours: 8 unless 1 is asked for.
   */
  readonly spacing?: 8 | 1 | undefined;
}

export interface AddOptions {
  /** Sector of the spare; the lowest that is free where it is left out. */
  readonly spare?: bigint | number | undefined;
  /** When the remap was made. Default: now. */
  readonly timestampNs?: bigint | undefined;
}

const firstFreeSector = 1280n;

export class RemapTable implements Iterable<RemapEntry> {
  readonly mainSectors: bigint;
  readonly spareSectors: bigint;
  /** Entries that fit: 2048. */
  readonly capacity = maxEntries;
  readonly #geometry: Geometry;
  readonly #spacing: bigint;
  readonly #entries: RemapEntry[];
  readonly #byOriginal = new Map<bigint, RemapEntry>();
  readonly #spares = new Set<bigint>();
  /** Spare sectors over the spacing: which places have an entry, or a part of the room behind one. */
  readonly #places = new Set<bigint>();
  #nextPlace: bigint;

  /** @param entries as they are on disk, duplicates and all: the last of an original wins (format section 5). */
  constructor(options: RemapTableOptions, entries: Iterable<RemapEntry> = []) {
    this.mainSectors = options.mainSectors;
    this.spareSectors = options.spareSectors;
    this.#geometry = options.geometry ?? geometries.driver;
    this.#spacing = BigInt(options.spacing ?? 8);
    this.#nextPlace = firstFreeSector / this.#spacing;
    this.#entries = [...entries];
    if (this.#entries.length > maxEntries) throw new DmremapError('ERR_TABLE_FULL');
    for (const entry of this.#entries) this.#remember(entry);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The entries in the order of the disk. */
  [Symbol.iterator](): Iterator<RemapEntry> {
    return this.#entries[Symbol.iterator]();
  }

  /** The spare sector that stands for `original`, or undefined. O(1). */
  lookup(original: bigint | number): Sector | undefined {
    return this.#byOriginal.get(BigInt(original))?.spareSector;
  }

  /** The sector that `add` would hand out next, or undefined where the spare is full. A hint for the header. */
  get nextSpareSector(): Sector | undefined {
    for (; ; this.#nextPlace++) {
      const first = sector(this.#nextPlace * this.#spacing);
      if (first + this.#spacing > this.spareSectors) return undefined;
      if (!this.#places.has(this.#nextPlace) && !touchesMetadata(this.#geometry, first, this.#spacing))
        return first;
    }
  }

  /**
   * Adds a remap.
   * @param original 512-byte sector on main.
   * @returns the entry, with the spare sector that it got.
   * @throws DmremapError ERR_TABLE_FULL, ERR_ORIGINAL_OUT_OF_RANGE, ERR_ORIGINAL_MAPPED, ERR_SPARE_OUT_OF_RANGE,
   *   ERR_SPARE_IN_METADATA, ERR_SPARE_IN_USE, ERR_SPARE_EXHAUSTED; RangeError ERR_OUT_OF_RANGE,
   *   TypeError ERR_INVALID_ARG_TYPE. The table is unchanged then.
   */
  add(original: bigint | number, options: AddOptions = {}): RemapEntry {
    const from = checkedSector('original', original);
    if (this.#entries.length >= maxEntries) throw new DmremapError('ERR_TABLE_FULL');
    if (from >= this.mainSectors) {
      const message = `original sector ${from} lies beyond the main device (${this.mainSectors} sectors)`;
      throw new DmremapError('ERR_ORIGINAL_OUT_OF_RANGE', message);
    }
    const mapped = this.lookup(from);
    if (mapped !== undefined) {
      throw new DmremapError('ERR_ORIGINAL_MAPPED', `original sector ${from} is mapped to ${mapped} already`);
    }
    const to = options.spare === undefined ? this.#allocate() : this.#checkedSpare(options.spare);
    const entry = remapEntry({
      originalSector: from,
      spareSector: to,
      remapTimestampNs: checkedTimestamp(options.timestampNs),
    });
    this.#entries.push(entry);
    this.#remember(entry);
    return entry;
  }

  #allocate(): Sector {
    const free = this.nextSpareSector;
    if (free !== undefined) return free;
    const message = `the spare (${this.spareSectors} sectors) has no free sector left`;
    throw new DmremapError('ERR_SPARE_EXHAUSTED', message);
  }

  #checkedSpare(spare: bigint | number): Sector {
    const to = checkedSector('spare', spare);
    if (to >= this.spareSectors) {
      const message = `spare sector ${to} lies beyond the spare device (${this.spareSectors} sectors)`;
      throw new DmremapError('ERR_SPARE_OUT_OF_RANGE', message);
    }
    if (touchesMetadata(this.#geometry, to)) {
      throw new DmremapError('ERR_SPARE_IN_METADATA', `spare sector ${to} lies inside the metadata region`);
    }
    if (this.#spares.has(to)) throw new DmremapError('ERR_SPARE_IN_USE', `spare sector ${to} is in use`);
    return to;
  }

  #remember(entry: RemapEntry): void {
    this.#byOriginal.set(entry.originalSector, entry);
    this.#spares.add(entry.spareSector);
    // An entry that lies across two places keeps both: the room behind it belongs to it.
    this.#places.add(entry.spareSector / this.#spacing);
    this.#places.add((entry.spareSector + this.#spacing - 1n) / this.#spacing);
  }
}

function checkedSector(name: string, value: bigint | number): Sector {
  if (typeof value !== 'bigint' && typeof value !== 'number') {
    throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number or a bigint`);
  }
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (!whole || value < 0 || value > u64Max) {
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be a whole number of sectors`);
  }
  return sector(value);
}

function checkedTimestamp(value: bigint | undefined): UnixNanoseconds {
  if (value === undefined) return unixNanoseconds(BigInt(Date.now()) * 1_000_000n);
  if (typeof value !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', 'timestampNs must be a bigint');
  if (value < 0n || value > u64Max) throw argumentError('ERR_OUT_OF_RANGE', 'timestampNs must fit 64 bits');
  return unixNanoseconds(value);
}
