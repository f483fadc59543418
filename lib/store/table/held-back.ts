// Room: store, pure part. What an open table keeps back: ghosts that nothing is added over, and places of the spare that are
// not given to anybody (format.md rule 12). Every way to add an entry comes through here.
import { DmremapError } from '../../base/errors.js';
import type { Ghost } from '../../format/codec.js';
import type { RemapEntry } from '../../format/structure.js';
import { type GhostElsewhere, mappingOf } from './ghost-entries.js';
import type { Held, HeldPlace } from './held-places.js';
import { copiesText, pick } from './phrases.js';
import { reach, type SparePlaces } from './spare-places.js';

/** How many places of the spare a table keeps back, and for whom. */
export interface HeldCount {
  /** Places that would be handed out otherwise, of eight sectors each unless the spacing is 1. */
  readonly places: number;
  /** Spare sectors that entries of valid copies name, and the table does not. */
  readonly entries: number;
  /** Spare sectors that only ghosts name. */
  readonly ghosts: number;
}

export class HeldBack {
  readonly #held: Held | undefined;
  readonly #places: SparePlaces;
  readonly #sectors = new Map<bigint, HeldPlace>();
  /** The entries that were there when the table was opened: made by the first removal. */
  #own: ReadonlySet<RemapEntry> | undefined;
  #ghosts: readonly Ghost[];
  #elsewhere: readonly GhostElsewhere[];
  #cleared: ReadonlySet<number> | undefined;

  constructor(held: Held | undefined, places: SparePlaces) {
    this.#held = held;
    this.#places = places;
    this.#ghosts = held?.ghosts ?? [];
    this.#elsewhere = held?.elsewhere ?? [];
    if (held === undefined) return;
    for (const place of held.places) this.#hold(place);
    if (held.spent.length > 0) this.#cleared = new Set(held.spent);
  }

  /** Those that keep new entries out. */
  get ghosts(): readonly Ghost[] {
    return this.#ghosts;
  }

  /** Those of other copies, which keep new entries out too. */
  get elsewhere(): readonly GhostElsewhere[] {
    return this.#elsewhere;
  }

  /** Indexes of those that the next commit writes as zeros. */
  get cleared(): ReadonlySet<number> | undefined {
    return this.#cleared;
  }

  get count(): HeldCount {
    const all = [...this.#sectors.values()];
    const entries = all.filter(({ by }) => by === 'entry').length;
    return { places: this.#places.count().held, entries, ghosts: all.length - entries };
  }

  /** Rising. */
  get sectors(): HeldPlace[] {
    return [...this.#sectors.values()].sort((a, b) => (a.spareSector < b.spareSector ? -1 : 1));
  }

  /** @throws DmremapError ERR_GHOST_ENTRIES. */
  checkGhosts(): void {
    const count = this.#ghosts.length + this.#elsewhere.length;
    if (count === 0) return;
    const stand = pick(count, 'ghost entry stands', 'ghost entries stand');
    const message = `${count} ${stand} where new entries would be written: take back or give up what an earlier table has left behind`;
    throw new DmremapError('ERR_GHOST_ENTRIES', message);
  }

  /** @throws DmremapError ERR_SPARE_HELD. */
  checkPlace(entry: RemapEntry): void {
    const { spareSector: to } = entry;
    //  What was handed out is nobody's.
    if (this.#sectors.size === 0 || this.#places.isReserved(to)) return;
    const place = this.#near(to);
    if (place === undefined || this.#wasHere(entry)) return;
    const at = place.spareSector === to ? 'it' : `sector ${place.spareSector}`;
    const who = place.by === 'entry' ? 'an entry' : 'a ghost entry';
    const message = `spare sector ${to} is held back: ${who} of ${copiesText(place.copies)} names ${at}`;
    throw new DmremapError('ERR_SPARE_HELD', message);
  }

  /** The table has it no more: where the disk had it when the table was opened, its data may be wanted back. */
  removed(entry: RemapEntry): void {
    if (this.#held === undefined) return;
    this.#own ??= new Set(this.#held.own);
    if (!this.#own.has(entry)) return;
    this.#hold({ spareSector: entry.spareSector, by: 'entry', copies: [this.#held.copy] });
  }

  /** Gives up all ghosts. @returns the indexes of those that were there still. */
  forget(): readonly number[] {
    const behind = this.#held?.behind ?? [];
    const given = behind.filter((index) => !this.#cleared?.has(index));
    if (given.length > 0) this.#cleared = new Set(behind);
    this.#ghosts = [];
    this.#elsewhere = [];
    return given;
  }

  /** Runs `insert` while ghosts keep nobody out; then `ghosts` are entries. */
  takeBack(ghosts: readonly Ghost[], insert: () => void): void {
    const before = this.#ghosts;
    const others = this.#elsewhere;
    const taken = new Set(ghosts.map(({ index }) => index));
    this.#ghosts = [];
    this.#elsewhere = [];
    try {
      insert();
    } catch (error) {
      this.#ghosts = before;
      throw error;
    } finally {
      this.#elsewhere = others;
    }
    this.#ghosts = before.filter(({ index }) => !taken.has(index));
    this.#cleared = new Set([...(this.#cleared ?? []), ...taken]);
  }

  /** A commit is durable in every copy: where it has given up all ghosts, their places are free. */
  committed(): void {
    const held = this.#held;
    if (held === undefined || held.behind.some((index) => !this.#cleared?.has(index))) return;
    for (const { by, spareSector, copies } of this.#sectors.values()) {
      if (by !== 'ghost' || !copies.includes(held.copy)) continue;
      this.#sectors.delete(spareSector);
      this.#places.letGo(spareSector);
    }
  }

  #hold(place: HeldPlace): void {
    if (this.#sectors.has(place.spareSector)) return;
    this.#sectors.set(place.spareSector, place);
    this.#places.hold(place.spareSector);
  }

  /** What a request that is redirected to `to` would reach, or the other way round; `to` itself first. */
  #near(to: bigint): HeldPlace | undefined {
    for (let distance = 0n; distance <= reach; distance++) {
      const place = this.#sectors.get(to + distance) ?? this.#sectors.get(to - distance);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** Whether it brings back what was removed: that is what the place is held for. */
  #wasHere(entry: RemapEntry): boolean {
    const mapping = mappingOf(entry);
    return this.#held?.own.some((one) => mappingOf(one) === mapping) ?? false;
  }
}
