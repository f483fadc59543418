// Room: store, pure part. The table that is being prepared for the next commit: which sector of main stands where on
// the spare. It refuses what would lose data (format.md rule 12) and remembers nothing about devices.
import { argumentError, DmremapError } from '../../base/errors.js';
import { type Sector, sector, type UnixNanoseconds, u64Max, unixNanoseconds } from '../../base/units.js';
import type { Ghost } from '../../format/codec.js';
import { copyOfEntry } from '../../format/entry.js';
import { type Geometry, geometries, touchesMetadata } from '../../format/geometry.js';
import { remapEntry } from '../../format/metadata.js';
import { maxEntries, type RemapEntry } from '../../format/structure.js';
import type { GhostElsewhere } from './ghost-entries.js';
import { HeldBack, type HeldCount } from './held-back.js';
import type { Held, HeldPlace } from './held-places.js';
import { OriginalIndex } from './original-index.js';
import { pick } from './phrases.js';
import { RisingEntries } from './rising-entries.js';
import { SparePlaces } from './spare-places.js';

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
  /** What other copies and ghosts hold back (format.md rule 12). Default: nothing. */
  readonly held?: Held | undefined;
}

/** What may be put where an entry of another copy, or a ghost, has its data. */
export interface InsertOptions {
  /** Takes a place that is named although it is held back: the data that may be there is given up, or is what is wanted. */
  readonly allowHeld?: boolean | undefined;
}

export interface AddOptions extends InsertOptions {
  /** Sector of the spare; the lowest that is free where it is left out. */
  readonly spare?: bigint | number | undefined;
  /** When the remap was made. Default: now. */
  readonly timestampNs?: bigint | undefined;
}

/** A part of a request that lies on one device without a gap. */
export interface Run {
  readonly device: 'main' | 'spare';
  /** First sector on that device. */
  readonly sector: Sector;
  readonly count: bigint;
}

export class RemapTable implements Iterable<RemapEntry> {
  readonly mainSectors: bigint;
  readonly spareSectors: bigint;
  /** Entries that fit: 2048. */
  readonly capacity = maxEntries;
  readonly #geometry: Geometry;
  readonly #entries: RemapEntry[];
  readonly #index = new OriginalIndex();
  readonly #places: SparePlaces;
  readonly #heldBack: HeldBack;
  /** The entries in force, for requests over many sectors: made by the first of them, and kept up from then on. */
  #rising: RisingEntries | undefined;

  /** @param entries as they are on disk, duplicates and all: the last of an original wins (format.md section 5). */
  constructor(options: RemapTableOptions, entries: Iterable<RemapEntry> = []) {
    this.mainSectors = options.mainSectors;
    this.spareSectors = options.spareSectors;
    this.#geometry = options.geometry ?? geometries.driver;
    this.#places = new SparePlaces(options.spareSectors, this.#geometry, options.spacing ?? 8);
    this.#entries = [...entries];
    if (this.#entries.length > maxEntries) throw new DmremapError('ERR_TABLE_FULL');
    for (const entry of this.#entries) this.#remember(entry);
    this.#heldBack = new HeldBack(options.held, this.#places);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The entries in the order of the disk. */
  [Symbol.iterator](): Iterator<RemapEntry> {
    return this.#entries[Symbol.iterator]();
  }

  /** The entries as they are now, in the order of the disk; it does not follow the table. Quicker than spreading the table. */
  snapshot(): RemapEntry[] {
    return this.#entries.slice();
  }

  /**
   * The spare sector that stands for `original`, or undefined. O(1); allocates nothing.
   * @param original 0 to 2^64 - 1; as a number a safe integer.
   * @throws RangeError ERR_OUT_OF_RANGE, TypeError ERR_INVALID_ARG_TYPE.
   */
  lookup(original: bigint | number): Sector | undefined {
    if (typeof original === 'number') {
      if (isSectorNumber(original)) return this.#index.ofNumber(original);
    } else if (isSectorBigint(original)) {
      return this.#index.ofBigint(original);
    }
    throw sectorError('original', original);
  }

  /**
   * Splits a request into runs on main and on spare, in order: what a target has to do with a request that spans
   * several sectors, since the table maps single ones (format.md rule 13).
   * @param first first sector on main. @param count 1 or more; the request must lie on main.
   * @throws RangeError ERR_OUT_OF_RANGE, TypeError ERR_INVALID_ARG_TYPE.
   */
  lookupRange(first: bigint | number, count: bigint | number): Run[] {
    const start = checkedSector('first', first);
    const end = start + checkedSector('count', count);
    if (end === start || end > this.mainSectors) {
      throw argumentError('ERR_OUT_OF_RANGE', `${end - start} sectors from ${start} do not lie on main`);
    }
    this.#rising ??= new RisingEntries(this.#entries);
    return runsOf(this.#rising.within(start, end), start, end);
  }

  /** The sector that `add` would hand out next, or undefined where the spare is full. A hint for the header. */
  get nextSpareSector(): Sector | undefined {
    return this.#places.next();
  }

  /** How many more remaps of one sector can be added: that many entries, and places for them, are free. */
  get remaining(): number {
    return Math.min(this.capacity - this.size, this.freePlaces);
  }

  /** How many places can be handed out, as far as the table has entries for them. */
  get freePlaces(): number {
    const { free } = this.#places.count();
    return free < this.capacity ? Number(free) : this.capacity;
  }

  /** How many places are held back, and why. */
  get held(): HeldCount {
    return this.#heldBack.count;
  }

  /** Each sector that is held back, rising. */
  get heldPlaces(): HeldPlace[] {
    return this.#heldBack.sectors;
  }

  /**
   * Ghosts of the table that was opened, as the module leaves them behind when it empties or cuts one: while there are any,
   * nothing is added. `repair` takes them back, and `forgetGhosts` gives them up.
   */
  get ghosts(): readonly Ghost[] {
    return this.#heldBack.ghosts;
  }

  /**
   * Ghosts of other valid copies, which this table and its ghosts do not have: the next commit is written over them, so nothing is added
   * either. A repair from that copy takes them back (`copy` and `ghosts` of its options), and `forgetGhosts` gives them up.
   */
  get ghostsElsewhere(): readonly GhostElsewhere[] {
    return this.#heldBack.elsewhere;
  }

  /** Indexes of the ghosts that the next commit writes as zeros. */
  get clearedGhosts(): ReadonlySet<number> | undefined {
    return this.#heldBack.cleared;
  }

  /**
   * Gives up everything that is behind the table: the next commit writes zeros there. From now on entries can be added, and
   * the places of the ghosts are free once that commit is durable in every copy.
   * Those of other copies are given up too, and are gone with that commit.
   * @returns the indexes of what is given up behind this table.
   */
  forgetGhosts(): readonly number[] {
    return this.#heldBack.forget();
  }

  /**
   * Takes ghosts of the table that was opened back into it, over the records that stand there.
   * @throws those of `insert`, but for ERR_GHOST_ENTRIES and ERR_SPARE_HELD. Some may be in the table then.
   */
  takeGhostsBack(ghosts: readonly Ghost[]): void {
    this.#heldBack.takeBack(ghosts, () => {
      for (const { entry } of ghosts) this.insert(entry, { allowHeld: true });
    });
  }

  /** For the store: a commit of this table is durable in every copy. */
  committed(): void {
    this.#heldBack.committed();
  }

  /**
   * Takes the next free place of the spare, for data that is written before its entry is added: nobody else gets it. With a
   * spacing of 8 it is eight sectors long, and the data of a logical block of 4,096 bytes fits.
   * @param spare the place to keep from others instead: one that must not be used again.
   * @throws DmremapError ERR_SPARE_EXHAUSTED, ERR_GHOST_ENTRIES.
   */
  reserve(spare: Sector = this.#allocate()): Sector {
    this.#places.reserve(spare);
    return spare;
  }

  /** Gives a reserved place back. Where an entry is there by now, it is the entry's alone. */
  release(spare: Sector): void {
    this.#places.release(spare);
  }

  /**
   * Adds a remap.
   * @param original 512-byte sector on main.
   * @returns the entry, with the spare sector that it got.
   * @throws DmremapError ERR_TABLE_FULL, ERR_ORIGINAL_OUT_OF_RANGE, ERR_ORIGINAL_MAPPED, ERR_SPARE_OUT_OF_RANGE,
   *   ERR_SPARE_IN_METADATA, ERR_SPARE_IN_USE, ERR_SPARE_HELD, ERR_SPARE_EXHAUSTED, ERR_GHOST_ENTRIES;
   *   RangeError ERR_OUT_OF_RANGE, TypeError ERR_INVALID_ARG_TYPE. The table is unchanged then.
   */
  add(original: bigint | number, options: AddOptions = {}): RemapEntry {
    const from = checkedSector('original', original);
    const remapTimestampNs = checkedTimestamp(options.timestampNs);
    this.#checkOriginal(from);
    const spareSector =
      options.spare === undefined ? this.#allocate() : checkedSector('spare', options.spare);
    return this.insert(remapEntry({ originalSector: from, spareSector, remapTimestampNs }), options);
  }

  /** Adds a whole entry, counters and flags included, with the refusals of `add`. */
  insert(entry: RemapEntry, options: InsertOptions = {}): RemapEntry {
    this.#checkOriginal(entry.originalSector);
    this.#checkSpare(entry, options);
    // Ours from now on: a commit takes an entry that is the same object for unchanged.
    const own = Object.freeze(copyOfEntry(entry));
    this.#entries.push(own);
    this.#remember(own);
    this.#rising?.add(own);
    return own;
  }

  /**
   * Takes a remap out, with every earlier duplicate of its original: one of those would come to life otherwise.
   * The entries behind it move up, in the order of the disk.
   * @returns the entry that was in force.
   * @throws DmremapError ERR_ORIGINAL_NOT_MAPPED; RangeError ERR_OUT_OF_RANGE, TypeError ERR_INVALID_ARG_TYPE.
   */
  remove(original: bigint | number): RemapEntry {
    const from = checkedSector('original', original);
    if (this.lookup(from) === undefined) {
      throw new DmremapError('ERR_ORIGINAL_NOT_MAPPED', `original sector ${from} is not mapped`);
    }
    const hasDuplicates = this.#entries.length > this.#index.size;
    let removed: RemapEntry | undefined;
    for (let at = this.#entries.length - 1; removed === undefined || (hasDuplicates && at >= 0); at--) {
      const entry = this.#entries[at] as RemapEntry;
      if (entry.originalSector !== from) continue;
      removed ??= entry;
      this.#entries.splice(at, 1);
      this.#places.drop(entry.spareSector);
      this.#heldBack.removed(entry);
    }
    this.#index.delete(from);
    this.#rising?.remove(from);
    return removed;
  }

  #allocate(): Sector {
    this.#heldBack.checkGhosts();
    const free = this.#places.next();
    if (free !== undefined) return free;
    const { held } = this.#places.count();
    const but = held === 0 ? '' : `: ${held} ${pick(held, 'place is', 'places are')} held back`;
    const message = `the spare (${this.spareSectors} sectors) has no free sector left${but}`;
    throw new DmremapError('ERR_SPARE_EXHAUSTED', message);
  }

  #checkOriginal(from: Sector): void {
    this.#heldBack.checkGhosts();
    if (this.#entries.length >= maxEntries) throw new DmremapError('ERR_TABLE_FULL');
    if (from >= this.mainSectors) {
      const message = `original sector ${from} lies beyond the main device (${this.mainSectors} sectors)`;
      throw new DmremapError('ERR_ORIGINAL_OUT_OF_RANGE', message);
    }
    const mapped = this.lookup(from);
    if (mapped !== undefined) {
      throw new DmremapError('ERR_ORIGINAL_MAPPED', `original sector ${from} is mapped to ${mapped} already`);
    }
  }

  #checkSpare(entry: RemapEntry, { allowHeld = false }: InsertOptions): void {
    const { spareSector: to } = entry;
    if (to >= this.spareSectors) {
      const message = `spare sector ${to} lies beyond the spare device (${this.spareSectors} sectors)`;
      throw new DmremapError('ERR_SPARE_OUT_OF_RANGE', message);
    }
    if (touchesMetadata(this.#geometry, to)) {
      throw new DmremapError('ERR_SPARE_IN_METADATA', `spare sector ${to} lies inside the metadata region`);
    }
    if (this.#places.has(to)) throw new DmremapError('ERR_SPARE_IN_USE', `spare sector ${to} is in use`);
    if (!allowHeld) this.#heldBack.checkPlace(entry);
  }

  #remember({ originalSector, spareSector }: RemapEntry): void {
    this.#index.set(originalSector, spareSector);
    this.#places.take(spareSector);
  }
}

/** The runs of the sectors from `start` up to `end`, by the entries in force there, rising. */
function runsOf(entries: readonly RemapEntry[], start: bigint, end: bigint): Run[] {
  const runs: Run[] = [];
  let at = start;
  let last: { device: Run['device']; sector: bigint; count: bigint } | undefined;
  const push = (device: Run['device'], sector: bigint, count: bigint) => {
    last = { device, sector, count };
    runs.push(last as Run);
  };
  for (const { originalSector, spareSector } of entries) {
    if (originalSector > at) push('main', at, originalSector - at);
    if (last?.device === 'spare' && last.sector + last.count === spareSector) last.count += 1n;
    else push('spare', spareSector, 1n);
    at = originalSector + 1n;
  }
  if (at < end) push('main', at, end - at);
  return runs;
}

const isSectorNumber = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** Takes what is no bigint too. A bigint that 64 bits cannot hold is another one when it is cut to them. */
const isSectorBigint = (value: bigint): boolean =>
  typeof value === 'bigint' && BigInt.asUintN(64, value) === value;

const sectorError = (name: string, value: unknown) =>
  typeof value === 'bigint' || typeof value === 'number'
    ? argumentError('ERR_OUT_OF_RANGE', `${name} must be a whole number of sectors`)
    : argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a number or a bigint`);

function checkedSector(name: string, value: bigint | number): Sector {
  if (typeof value === 'number' ? isSectorNumber(value) : isSectorBigint(value)) return sector(value);
  throw sectorError(name, value);
}

function checkedTimestamp(value: bigint | undefined): UnixNanoseconds {
  if (value === undefined) return unixNanoseconds(BigInt(Date.now()) * 1_000_000n);
  if (typeof value !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', 'timestampNs must be a bigint');
  if (value < 0n || value > u64Max) throw argumentError('ERR_OUT_OF_RANGE', 'timestampNs must fit 64 bits');
  return unixNanoseconds(value);
}
