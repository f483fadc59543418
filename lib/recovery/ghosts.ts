// Room: recovery, pure part. The entries behind the count of a table that was emptied or cut (format.md section 5): which of
// them can be taken back into it, and why the others cannot. The checksum covers them, so they are as they were written;
// what nothing proves is that they are of one table, and that nobody has used their places since.
//
//   refused    the table would not take it, whoever asks: its original is mapped, its place is in use or out of range
//   doubtful   the module would not have written it like that, or not yet: only for those who name it
//   taken      all others; of two that exclude each other the newer one, and of one age the later one, as the module does
import { DmremapError, type ErrorCode } from '../base/errors.js';
import type { RemapEntry } from '../format/structure.js';
import type { Findings } from '../store/examine/examine.js';
import { type ValidSlot, validCopies } from '../store/table/copies.js';
import { ghostDoubts, lostGhosts, mappingOf } from '../store/table/ghost-entries.js';
import { RemapTable } from '../store/table/remap-table.js';

/** What becomes of a ghost: `unnamed` is one that could be taken, where others were named. */
export type GhostVerdict = 'taken' | 'doubtful' | 'refused' | 'unnamed';

/** A ghost, and what is made of it. */
export interface JudgedGhost {
  /** Its place in the table, at or beyond the count. */
  readonly index: number;
  readonly entry: RemapEntry;
  readonly verdict: GhostVerdict;
  /** Why the table would not take it: a code of `RemapTable.insert`. Undefined where it would. */
  readonly code: ErrorCode | undefined;
  /** Clauses for people, at least one. */
  readonly reasons: readonly string[];
}

interface Place {
  readonly index: number;
  readonly entry: RemapEntry;
}

/**
 * Judges every ghost of a copy.
 * @param named indexes of ghosts: these are taken, also where they are doubtful, and no others. Default: all that can be.
 * @returns in the order of the disk.
 */
export function judgeGhosts({ slot }: ValidSlot, named?: ReadonlySet<number>): JudgedGhost[] {
  const { header, entries, ghosts } = slot;
  const table = new RemapTable(
    { mainSectors: header.mainDeviceSectors, spareSectors: header.spareDeviceSectors },
    entries,
  );
  const doubts = new Map(
    ghosts.map(({ index, entry }) => [index, ghostDoubts(entry, header.timestampSeconds)]),
  );
  const taken: Place[] = [];
  const judge = ({ index, entry }: Place, isWanted: boolean): JudgedGhost => {
    const doubt = doubts.get(index) ?? [];
    const refusal = whyNot(table, entry);
    if (refusal !== undefined) {
      const reasons = [`${refusal.message}${rivalText(taken, entry, refusal.code)}`, ...doubt];
      return { index, entry, verdict: 'refused', code: refusal.code, reasons };
    }
    const judged = (verdict: GhostVerdict, reasons: readonly string[]) => ({
      index,
      entry,
      verdict,
      code: undefined,
      reasons,
    });
    if (isWanted) {
      taken.push({ index, entry });
      return judged('taken', ['its original and its place are free', ...doubt.map((text) => `but ${text}`)]);
    }
    table.remove(entry.originalSector);
    return doubt.length > 0 ? judged('doubtful', doubt) : judged('unnamed', ['others were named']);
  };
  //  Those that are wanted first: what is not must not keep them out.
  const wants = ({ index }: Place) => named?.has(index) ?? doubts.get(index)?.length === 0;
  const newestFirst = [...ghosts].sort((a, b) => byAge(b, a));
  return [
    ...newestFirst.filter(wants).map((ghost) => judge(ghost, true)),
    ...newestFirst.filter((ghost) => !wants(ghost)).map((ghost) => judge(ghost, false)),
  ].sort((a, b) => a.index - b.index);
}

/** Those that are taken, in the order in which they are added to the table: that of the disk. */
export const takenGhosts = (judged: readonly JudgedGhost[]): JudgedGhost[] =>
  judged.filter(({ verdict }) => verdict === 'taken');

/** How many ghosts each of the other valid copies has that the copy shown has neither as a ghost nor in its table. */
export function ghostsElsewhere({ copies, shown }: Pick<Findings, 'copies' | 'shown'>) {
  if (shown === null) return [];
  const { entries, ghosts } = shown.slot;
  const here = new Set([...entries, ...ghosts.map(({ entry }) => entry)].map(mappingOf));
  return validCopies(copies)
    .map((other) => ({
      copy: other.copy,
      count: lostGhosts(other).filter(({ entry }) => !here.has(mappingOf(entry))).length,
    }))
    .filter(({ copy, count }) => copy !== shown.copy && count > 0);
}

/** The older before the newer, and of one age as on the disk. */
function byAge(a: Place, b: Place): number {
  const [first, second] = [a.entry.remapTimestampNs, b.entry.remapTimestampNs];
  if (first !== second) return first < second ? -1 : 1;
  return a.index - b.index;
}

/** Why the table does not take an entry; undefined where it has taken it. */
function whyNot(table: RemapTable, entry: RemapEntry): DmremapError | undefined {
  try {
    table.insert(entry);
    return undefined;
  } catch (error) {
    if (error instanceof DmremapError) return error;
    throw error;
  }
}

/** Where it is another ghost that stands in the way: which. */
function rivalText(taken: readonly Place[], entry: RemapEntry, code: ErrorCode): string {
  const rival = taken.find(
    (other) =>
      (code === 'ERR_ORIGINAL_MAPPED' && other.entry.originalSector === entry.originalSector) ||
      (code === 'ERR_SPARE_IN_USE' && other.entry.spareSector === entry.spareSector),
  );
  if (rival === undefined) return '';
  const newer = rival.entry.remapTimestampNs > entry.remapTimestampNs;
  return `, by ghost ${rival.index}${newer ? ', which is newer' : ''}`;
}
