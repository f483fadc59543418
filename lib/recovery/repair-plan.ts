// Room: recovery, pure part. What a repair would do to a spare, and why, from a report alone (format.md rules 9,
// 10 and 14). Repair is not commit: it brings every copy to the elected table and keeps its sequence. Where that table
// does not outrank all others, or the module does not take it, only a commit of a named copy helps.
import { argumentError, type ErrorCode } from '../base/errors.js';
import type { Sequence } from '../base/units.js';
import { exhaustedText, isExhausted } from '../store/commit/exhausted.js';
import { nextSequenceBase } from '../store/examine/election.js';
import type { Findings, ReportCopy } from '../store/examine/examine.js';
import { mainsText } from '../store/examine/mains.js';
import type { ValidSlot } from '../store/table/copies.js';
import { copiesText, damageText, listOf, pick, sentence } from '../store/table/phrases.js';
import { sameButIndex } from '../store/table/table.js';
import { type JudgedGhost, judgeGhosts, takenGhosts } from './ghosts.js';
import { handoverDoubts } from './handover-doubts.js';

export interface RepairOptions {
  /** The copy whose table is to be brought to all others, where more than one could be the right one. */
  readonly copy?: number | undefined;
  /** Commits the table even where a rewrite would do: it was named, so it gets a sequence above all others. */
  readonly commit?: boolean | undefined;
  /**
   * Takes ghosts back into the table (ghosts.ts): all that can be, or those of these indexes. Never unasked.
   */
  readonly ghosts?: 'all' | readonly number[] | undefined;
  /** Rewrites copies that cannot be read: the drive may replace their sectors. What they held is lost. */
  readonly rewriteUnreadable?: boolean | undefined;
  /** Repairs even where only one copy can be written. */
  readonly allowUnsafe?: boolean | undefined;
}

export interface PlannedRepair {
  readonly copy: number;
  /** To follow "copy N": `is blank`, `has sequence 6 instead of 7`. */
  readonly why: string;
  /** Its first block is zeroed before it is rewritten. */
  readonly disarm: boolean;
}

/**
 * `nothing`: every copy that fits holds the elected table. `rewrite`: bad copies get it, its sequence stays. `commit`: all
 * copies get the table of `source`, with a new sequence. `refused`: see `code`.
 */
export interface RepairPlan {
  readonly mode: 'nothing' | 'rewrite' | 'commit' | 'refused';
  /** Why it is this mode: sentences for people. */
  readonly reasons: readonly string[];
  readonly code: ErrorCode | undefined;
  /** The copy whose table is written. */
  readonly source: { readonly copy: number; readonly sequence: Sequence } | null;
  /** In the order of writing; for `commit` those that differ now: it rewrites all others too. */
  readonly writes: readonly PlannedRepair[];
  /** Copies that are left alone although they do not hold the table, and why. */
  readonly left: readonly { readonly copy: number; readonly why: string }[];
  /** The ghosts of the source, and what is made of each; null where they were not asked for. */
  readonly ghosts: readonly JudgedGhost[] | null;
}

export function planRepair(report: Findings, options: RepairOptions = {}): RepairPlan {
  const ours = report.copies.find(
    (copy): copy is ReportCopy & ValidSlot =>
      copy.copy === (options.copy ?? report.elections.ours?.copy) && copy.slot.state === 'valid',
  );
  if (ours === undefined) {
    const code = options.copy === undefined ? 'ERR_NO_METADATA' : 'ERR_COPY_NOT_VALID';
    const reason =
      options.copy === undefined
        ? 'No copy can be used: there is nothing to repair from.'
        : `Copy ${options.copy} was named, and it is not valid.`;
    return refused(code, reason, null);
  }
  const source = { copy: ours.copy, sequence: ours.slot.header.sequenceNumber };
  const ghosts = ghostsOf(ours, options);
  const unfit = ghosts === null ? undefined : unfitGhost(ghosts, options);
  if (unfit !== undefined) return { ...refused(unfit.code, unfit.reason, source), ghosts };
  const index = commonIndex(report, ours);
  const bad = report.copies.flatMap((copy) => differenceOf(copy, ours, index));
  const left = bad.filter(({ kind }) => kind === 'unreadable' && !options.rewriteUnreadable);
  const writes = inOrder(
    bad.filter((one) => !left.includes(one)),
    ours.copy,
  );
  const plan = (mode: RepairPlan['mode'], ...reasons: string[]): RepairPlan => ({
    mode,
    reasons,
    code: undefined,
    source,
    writes: writes.map(({ copy, why, kind }) => ({
      copy,
      why,
      disarm: kind === 'damaged' || kind === 'unreadable',
    })),
    left: left.map(({ copy }) => ({
      copy,
      why: 'cannot be read, and what it holds could be newer than all others',
    })),
    ghosts,
  });

  const outranked = whyNotRewrite(report, ours);
  const taken = takenGhosts(ghosts ?? []).length;
  if (taken > 0) {
    outranked.push(`${taken} ${pick(taken, 'ghost is', 'ghosts are')} taken back into the table.`);
  }
  if (options.commit && outranked.length === 0) outranked.push(`Copy ${ours.copy} was named.`);
  if (options.copy === undefined && report.ambiguities.length > 0) {
    return {
      ...refused(
        'ERR_METADATA_AMBIGUOUS',
        handoverDoubts(report, ours).length === 0
          ? 'This is how an interrupted handover looks: run it again.'
          : (outranked[0] ?? 'More than one copy could be the right one.'),
        source,
      ),
      ghosts,
    };
  }
  if (writes.length > 0 || outranked.length > 0) {
    const usable = report.copies.filter(({ slot }) => slot.state !== 'absent').length;
    if (usable === 1 && !options.allowUnsafe) {
      const reason = 'Only one copy fits: a crash while it is written could leave none.';
      return refused('ERR_SINGLE_COPY', reason, source);
    }
  }
  if (outranked.length > 0 && left.length === 0) {
    if (isExhausted(report.copies)) {
      return { ...refused('ERR_SEQUENCE_EXHAUSTED', sentence(exhaustedText(ours.copy)), source), ghosts };
    }
    // A commit leaves alone what cannot be read.
    const committed = plan('commit', ...outranked);
    const readable = (copy: number) => !bad.some((one) => one.copy === copy && one.kind === 'unreadable');
    return { ...committed, writes: committed.writes.filter(({ copy }) => readable(copy)) };
  }
  if (writes.length === 0 && outranked.length === 0) {
    return plan(
      'nothing',
      left.length === 0 ? 'Every copy that fits holds the elected table.' : 'What could be repaired is.',
    );
  }
  if (left.length > 0) {
    const reason = `${sentence(`${copiesText(left.map(({ copy }) => copy))} cannot be read`)} What is there could be newer than all others.`;
    return refused('ERR_IO', reason, source);
  }
  return plan(
    'rewrite',
    `Copy ${ours.copy} outranks all others and the module takes it, so its sequence stays.`,
  );
}

const refused = (code: ErrorCode, reason: string, source: RepairPlan['source']): RepairPlan => ({
  mode: 'refused',
  reasons: [reason],
  code,
  source,
  writes: [],
  left: [],
  ghosts: null,
});

function ghostsOf(source: ValidSlot, { ghosts }: RepairOptions): JudgedGhost[] | null {
  if (ghosts === undefined) return null;
  if (ghosts === 'all') return judgeGhosts(source);
  if (Array.isArray(ghosts)) return judgeGhosts(source, new Set(ghosts));
  throw argumentError('ERR_INVALID_ARG_VALUE', "ghosts must be 'all' or a list of indexes");
}

/** Who names a ghost gets that one or nothing. */
function unfitGhost(judged: readonly JudgedGhost[], { ghosts }: RepairOptions) {
  if (ghosts === 'all' || ghosts === undefined) return undefined;
  for (const index of ghosts) {
    const ghost = judged.find((one) => one.index === index);
    if (ghost === undefined)
      return { code: 'ERR_GHOST_NOT_FOUND', reason: `There is no ghost ${index}.` } as const;
    if (ghost.code === undefined) continue;
    return { code: ghost.code, reason: `Ghost ${index} cannot be taken: ${ghost.reasons.join('; ')}.` };
  }
  return undefined;
}

/** format.md rule 10: when a rewrite would not do. */
function whyNotRewrite(report: Findings, source: ReportCopy & ValidSlot): string[] {
  const { ours, driver } = report.elections;
  const reasons: string[] = [];
  for (const ambiguity of report.ambiguities) {
    switch (ambiguity.kind) {
      case 'other-main':
        reasons.push(sentence(mainsText(ambiguity.mains)));
        break;
      case 'fork':
        reasons.push(`Copies ${listOf(ambiguity.copies)} have one sequence and different contents.`);
        break;
      case 'regression':
        reasons.push(`Copies ${listOf(ambiguity.copies)} are newer by the clock and have a lower sequence.`);
        break;
      case 'unaccepted':
        reasons.push(`The module accepts none of copies ${listOf(ambiguity.copies)}, and they differ.`);
        break;
      case 'disagreement':
        reasons.push(`The module would take copy ${ambiguity.driver}, we elect copy ${ambiguity.ours}.`);
        break;
    }
  }
  if (source.driverRejects !== null) reasons.push(`The module does not take copy ${source.copy}.`);
  const driverSlot = driver === null ? undefined : report.copies[driver.copy]?.slot;
  const takesAnother =
    driverSlot === undefined ||
    driverSlot.state !== 'valid' ||
    !sameButIndex(driverSlot.bytes, source.slot.bytes);
  if (source.driverRejects === null && takesAnother && reasons.length === 0) {
    reasons.push(`The module would take copy ${driver?.copy ?? 'none'}.`);
  }
  const named = ours !== null && source.copy !== ours.copy;
  const oursSlot = ours === null ? undefined : report.copies[ours.copy]?.slot;
  if (named && oursSlot?.state === 'valid' && !sameButIndex(oursSlot.bytes, source.slot.bytes)) {
    reasons.push(`Copy ${source.copy} was named, and copy ${ours.copy} outranks it.`);
  }
  const highest = nextSequenceBase(report.copies);
  if (highest > source.slot.header.sequenceNumber && reasons.length === 0) {
    reasons.push(`A damaged copy has a higher sequence (${highest}) and a checksum that holds.`);
  }
  return reasons;
}

type Kind = 'blank' | 'damaged' | 'unreadable' | 'stale' | 'misdirected';

interface Difference {
  readonly copy: number;
  readonly kind: Kind;
  readonly why: string;
}

function differenceOf(
  { copy, slot }: ReportCopy,
  source: ValidSlot,
  common: number | undefined,
): Difference[] {
  if (slot.state === 'absent') return [];
  if (slot.state === 'damaged') {
    const { fault } = slot.damage;
    const kind = fault === 'blank' || fault === 'unreadable' ? fault : 'damaged';
    return [{ copy, kind, why: damageText(slot.damage) }];
  }
  if (!sameButIndex(slot.bytes, source.slot.bytes)) {
    const { sequenceNumber } = slot.header;
    const wanted = source.slot.header.sequenceNumber;
    const why =
      sequenceNumber === wanted
        ? `has sequence ${wanted} too, and another content`
        : `has sequence ${sequenceNumber} instead of ${wanted}`;
    return [{ copy, kind: 'stale', why }];
  }
  const index = slot.header.copyIndex;
  if (common !== undefined || index === copy) return [];
  return [{ copy, kind: 'misdirected', why: `says that it is copy ${index}` }];
}

/**
 * The one number that the good copies carry, as the module writes them: then a repaired copy has to carry it too.
 * Undefined where each carries its own.
 */
export function commonIndex(report: Findings, source: ValidSlot): number | undefined {
  const same = report.copies.filter(
    (copy): copy is ReportCopy & ValidSlot =>
      copy.slot.state === 'valid' && sameButIndex(copy.slot.bytes, source.slot.bytes),
  );
  const indexes = new Set(same.map(({ slot }) => slot.header.copyIndex));
  const own = same.every(({ copy, slot }) => slot.header.copyIndex === copy);
  return indexes.size === 1 && !own ? source.slot.header.copyIndex : undefined;
}

const ranks: Readonly<Record<Kind, number>> = {
  blank: 0,
  damaged: 1,
  unreadable: 2,
  stale: 3,
  misdirected: 4,
};

/** The source comes last: whatever is wrong with its number, it is the last good copy. */
const inOrder = (differences: readonly Difference[], source: number): Difference[] =>
  [...differences].sort(
    (a, b) =>
      Number(a.copy === source) - Number(b.copy === source) ||
      ranks[a.kind] - ranks[b.kind] ||
      a.copy - b.copy,
  );
