// Room: cli, pure part. What `check` makes of a report: one word, one sentence, one exit status.
import { assertNever } from '../../base/units.js';
import type { Report } from '../../store/examine/examine.js';
import type { SlotCopy } from '../../store/table/copies.js';
import { listOf } from '../../store/table/phrases.js';
import { ambiguityClauses } from '../print/election-text.js';
import { exitBits } from '../print/exit-status.js';

/**
 * `clean`: nothing is wrong. Everything else is damage or ambiguity that is left, the gravest word first: `short`, no
 * copy fits; `empty`, there is no metadata; `lost`, there is metadata and no copy of it is valid; `ambiguous`, more than one
 * table could be the right one; `endangered`, the kernel module would not keep the elected table; `damaged`, the elected
 * table is safe and something else is wrong.
 */
const checkVerdicts = ['clean', 'damaged', 'endangered', 'ambiguous', 'lost', 'empty', 'short'] as const;
type CheckVerdict = (typeof checkVerdicts)[number];

export function verdictOf(report: Report): CheckVerdict {
  const { copies, elections, activation, ambiguities, lints } = report;
  if (copies.every(({ slot }) => slot.state === 'absent')) return 'short';
  if (elections.ours === null) return activation.verdict === 'empty' ? 'empty' : 'lost';
  if (ambiguities.length > 0) return 'ambiguous';
  if (activation.verdict !== 'keeps' || !elections.agree) return 'endangered';
  return lints.some(({ severity }) => severity === 'error') ? 'damaged' : 'clean';
}

export const statusOfVerdict = (verdict: CheckVerdict): number =>
  verdict === 'clean' ? exitBits.clean : exitBits.damageLeft;

/** What the verdict means for this spare. */
export function verdictSentence(report: Report, verdict: CheckVerdict): string {
  const { ours } = report.elections;
  const elected = ours === null ? '' : `copy ${ours.copy}, sequence ${ours.sequence}`;
  switch (verdict) {
    case 'clean':
      return `the kernel module keeps the elected table (${elected})`;
    case 'damaged':
      return `the kernel module keeps the elected table (${elected}), but not all is well: ${errorIds(report)}`;
    case 'endangered':
      return `there is a good table (${elected}), but the kernel module would not keep it if it took this spare now`;
    case 'ambiguous':
      return `more than one table could be the right one: ${ambiguityClauses(report).join('; ')}`;
    case 'lost':
      return 'there is metadata, and no copy of it is valid';
    case 'empty':
      return isBlank(report.copies)
        ? 'there is no metadata'
        : 'there is no metadata; there is something else, and the kernel module would overwrite it';
    case 'short':
      return report.sizeBytes === 0n ? 'there is not one byte' : 'not one copy of 131072 bytes fits';
    default:
      return assertNever(verdict);
  }
}

/** Whether there is nothing at all where the copies should be. */
export const isBlank = (copies: readonly SlotCopy[]): boolean =>
  copies.every(
    ({ slot }) => slot.state === 'absent' || (slot.state === 'damaged' && slot.damage.fault === 'blank'),
  );

const errorIds = ({ lints }: Report): string =>
  listOf([...new Set(lints.filter(({ severity }) => severity === 'error').map(({ id }) => id))]);
