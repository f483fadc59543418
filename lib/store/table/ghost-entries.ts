// Room: store, pure part. Which of what lies behind the count of a table is an entry, as the module leaves it behind when a
// table is emptied or cut (format.md section 5), and which is not, or not any more.
import type { UnixSeconds } from '../../base/units.js';
import type { Ghost } from '../../format/codec.js';
import { entryFlags, type RemapEntry } from '../../format/structure.js';
import { type SlotCopy, type ValidSlot, validCopies } from './copies.js';

const nanosecondsPerSecond = 1_000_000_000n;

/** What the module would not have written: clauses to follow "ghost N" or "but". */
export function ghostDoubts(entry: RemapEntry, tableTime: UnixSeconds): string[] {
  if (isZero(entry)) return ['its sectors and its time are zero: it may be no entry at all'];
  const doubts: string[] = [];
  if (entry.remapTimestampNs === 0n) doubts.push('it has no time');
  //  The time of the table has no fractions of a second.
  if (entry.remapTimestampNs >= (tableTime + 1n) * nanosecondsPerSecond) {
    doubts.push('it is dated after the table that it was left behind by');
  }
  return [...doubts, ...doubtsOfForm(entry)];
}

function doubtsOfForm({ flags, padding }: RemapEntry): string[] {
  const doubts: string[] = [];
  const known = entryFlags.pending | entryFlags.active;
  if (flags === 0) doubts.push('it is neither PENDING nor ACTIVE');
  if ((flags & ~known) !== 0) doubts.push(`its flags are 0x${flags.toString(16)}, which nobody writes`);
  if (padding !== 0) doubts.push('its padding is not zero');
  return doubts;
}

const isZero = ({ originalSector, spareSector, remapTimestampNs }: RemapEntry): boolean =>
  originalSector === 0n && spareSector === 0n && remapTimestampNs === 0n;

/**
 * Whether a ghost looks as the module writes entries: then its data is kept. Its date is not asked, unlike for taking it
 * back: a clock that was wrong is a reason to ask somebody, not to overwrite the data.
 */
const looksWritten = (entry: RemapEntry): boolean =>
  entry.remapTimestampNs !== 0n && doubtsOfForm(entry).length === 0;

/** What an entry says. */
export const mappingOf = ({ originalSector, spareSector }: RemapEntry): string =>
  `${originalSector} ${spareSector}`;

/** The ghosts of a copy that map what its table does not. The others have been taken back already. */
export function lostGhosts({ slot }: ValidSlot): Ghost[] {
  if (slot.ghosts.length === 0) return [];
  const there = new Set(slot.entries.map(mappingOf));
  return slot.ghosts.filter(({ entry }) => !there.has(mappingOf(entry)));
}

/** Of these, those whose data is kept until they are taken back or given up (format.md rule 12). */
export const keptGhosts = (copy: ValidSlot): Ghost[] =>
  lostGhosts(copy).filter(({ entry }) => looksWritten(entry));

/** A ghost of another copy than the one that is opened. */
export interface GhostElsewhere extends Ghost {
  readonly copy: number;
}

/**
 * The ghosts to be kept that another valid copy has, and that neither the table nor its own ghosts say: the next commit is written
 * over them. Each mapping once, of the first copy.
 */
export function ghostsOfOthers(copies: readonly SlotCopy[], shown: ValidSlot): GhostElsewhere[] {
  const found: GhostElsewhere[] = [];
  const others = validCopies(copies).filter(
    ({ copy, slot }) => copy !== shown.copy && slot.ghosts.length > 0,
  );
  //  As a rule there are none, and a full table has 2,048 mappings.
  if (others.length === 0) return found;
  const { entries, ghosts } = shown.slot;
  const there = new Set([...entries, ...ghosts.map(({ entry }) => entry)].map(mappingOf));
  for (const other of others) {
    for (const ghost of keptGhosts(other)) {
      const mapping = mappingOf(ghost.entry);
      if (there.has(mapping)) continue;
      there.add(mapping);
      found.push({ ...ghost, copy: other.copy });
    }
  }
  return found;
}
