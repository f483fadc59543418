// Room: cli, pure part. What a commit did, for scripts, for people and for the exit status.
import type { CommitReport } from '../../store/commit/commit-report.js';
import type { Report } from '../../store/examine/examine.js';
import { copiesText } from '../../store/table/phrases.js';
import { exitBits } from './exit-status.js';
import { electsBoth, readBackLine } from './read-back.js';

/** The part that the documents about a commit share. `report` is what was read back; null where that failed. */
export function toCommitJson({ sequence, finds, copies, degraded }: CommitReport, report: Report | null) {
  return {
    sequence: `${sequence}`,
    finds,
    copies: copies.map(({ copy, outcome, disarmed, reason = null }) => ({ copy, outcome, disarmed, reason })),
    degraded,
    readBack: report && { agree: electsBoth(report, sequence) },
  };
}

/** The copies that were written. */
export const writtenCopies = ({ copies }: CommitReport): number[] =>
  copies.filter(({ outcome }) => outcome === 'written').map(({ copy }) => copy);

/** What is to be said last. */
export const commitEnd = ({ sequence, degraded }: CommitReport, report: Report | null): string[] => [
  ...(degraded.length > 0 ? [`DEGRADED: ${copiesText(degraded)} could not be written`] : []),
  ...(report === null ? [] : [readBackLine(report, sequence)]),
];

export function statusOfCommit({ sequence, degraded }: CommitReport, report: Report | null): number {
  const asWritten = degraded.length === 0 && (report === null || electsBoth(report, sequence));
  return asWritten ? exitBits.clean : exitBits.damageLeft;
}
