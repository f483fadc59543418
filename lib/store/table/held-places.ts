// Room: store, pure part. The places of the spare that are kept back although the table does not use them: those that another
// valid copy, or a ghost, names. Their data may be wanted back (format.md rule 12).
import type { Sector } from '../../base/units.js';
import type { Ghost } from '../../format/codec.js';
import type { RemapEntry } from '../../format/structure.js';
import { type SlotCopy, type ValidSlot, validCopies } from './copies.js';
import { type GhostElsewhere, ghostsOfOthers, keptGhosts, lostGhosts } from './ghost-entries.js';
import { sameTable } from './table.js';

/** A sector of the spare that is kept back, and for whom. */
export interface HeldPlace {
  readonly spareSector: Sector;
  /** What names it: an entry of a table, or a ghost behind one. An entry where it is both. */
  readonly by: 'entry' | 'ghost';
  /** The copies that do, lowest number first. */
  readonly copies: readonly number[];
}

/** What stands in the way of new entries when a table is opened. */
export interface Held {
  readonly places: readonly HeldPlace[];
  /** Ghosts of the table that is opened, as the module leaves them: new entries would be written over them. */
  readonly ghosts: readonly Ghost[];
  /** Those of other copies: the commit of a new entry would be written over them. */
  readonly elsewhere: readonly GhostElsewhere[];
  /** Indexes of ghosts that say what the table says: nothing is lost with them, and with them gone nothing is mistaken. */
  readonly spent: readonly number[];
  /** Indexes of all ghosts. */
  readonly behind: readonly number[];
  /** The copy that is opened, and its entries. */
  readonly copy: number;
  readonly own: readonly RemapEntry[];
}

/** What the copies that are there hold back from a table that goes on from `shown`. */
export function heldBy({ copies, shown }: { copies: readonly SlotCopy[]; shown: ValidSlot }): Held {
  const own = new Set(shown.slot.entries.map(({ spareSector }) => spareSector));
  const found = new Map<Sector, { by: HeldPlace['by']; copies: number[] }>();
  const hold = (spareSector: Sector, by: HeldPlace['by'], copy: number) => {
    if (own.has(spareSector)) return;
    const place = found.get(spareSector);
    if (place === undefined) found.set(spareSector, { by, copies: [copy] });
    else if (place.by === by && !place.copies.includes(copy)) place.copies.push(copy);
  };
  const valid = validCopies(copies);
  for (const { copy, slot } of valid) {
    //  As a rule all are the same, and one comparison tells.
    if (sameTable(slot.bytes, shown.slot.bytes)) continue;
    for (const { spareSector } of slot.entries) hold(spareSector, 'entry', copy);
  }
  for (const copy of valid) {
    for (const { entry } of keptGhosts(copy)) hold(entry.spareSector, 'ghost', copy.copy);
  }
  const lost = new Set(lostGhosts(shown).map(({ index }) => index));
  const behind = shown.slot.ghosts.map(({ index }) => index);
  return {
    places: Array.from(found, ([spareSector, place]) => ({ spareSector, ...place })),
    ghosts: keptGhosts(shown),
    elsewhere: ghostsOfOthers(copies, shown),
    spent: behind.filter((index) => !lost.has(index)),
    behind,
    copy: shown.copy,
    own: shown.slot.entries,
  };
}
