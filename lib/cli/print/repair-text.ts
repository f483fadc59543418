// Room: cli, pure part. A repair for people: the plan, and what became of it.
import type { DmremapError } from '../../base/errors.js';
import type { RepairPlan } from '../../recovery/repair-plan.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import { nextSequenceBase } from '../../store/examine/election.js';
import type { Report } from '../../store/examine/examine.js';
import { copiesText } from '../../store/table/phrases.js';
import { type RepairOutlook, rewriteText } from '../commands/repair-steps.js';
import { adviceLines } from './advice.js';
import { writtenCopies } from './commit-text.js';
import { escapeMessage, escapeText } from './escape.js';
import { explanation } from './failure.js';
import { ghostHints, ghostLines } from './ghost-text.js';
import { readBackLine } from './read-back.js';
import { counted, indented, table } from './text.js';

/** The plan. A refusal is in it, with the way on. */
export function planLines(path: string, outlook: RepairOutlook): string[] {
  const { report, plan, steps, file, refusal } = outlook;
  const { mode, reasons, left } = plan;
  const count = steps.filter(({ order }) => order !== null).length;
  const told = count > 0 || left.length > 0;
  return [
    `${escapeText(path)}: ${headline(outlook, count)}`,
    ...indented([
      ...(mode === 'rewrite' || mode === 'commit' ? reasons : []),
      ...(told ? stepTable(steps) : []),
      ...(steps.some(({ disarm }) => disarm)
        ? ['disarm: its first block is zeroed, durably, so that a torn write cannot bring it back to life']
        : []),
      ...(left.length > 0 ? [rewriteText(report)] : []),
      ...ghostLines(report, plan),
      ...(plan.ghosts === null && file === null
        ? ghostHints(report, path).flatMap((hint) => adviceLines(hint))
        : []),
    ]),
    ...(refusal === null ? [] : refusalLines(refusal)),
  ];
}

const refusalLines = (refusal: DmremapError): string[] => [
  `REFUSED: ${escapeMessage(refusal.message)} (${refusal.code})`,
  ...indented([...explanation(refusal)]),
];

function headline({ report, plan, file }: RepairOutlook, count: number): string {
  const { mode, source, left } = plan;
  const where = file === null ? `copy ${source?.copy}` : `copy ${source?.copy} in ${escapeText(file)}`;
  const from = source === null ? '' : `${where}, sequence ${source.sequence}`;
  switch (mode) {
    case 'nothing':
      return left.length === 0
        ? `nothing to repair: every copy that fits holds the elected table (${from})`
        : `nothing is rewritten unasked: ${copiesText(left.map(({ copy }) => copy))} cannot be read`;
    case 'rewrite':
      return `${counted(count, 'copy', 'copies')} to rewrite with the elected table (${from})`;
    case 'commit':
      return `a commit of the table of ${from}, as sequence ${nextSequenceBase(report.copies) + 1n}`;
    case 'refused':
      return 'cannot be repaired as it is';
  }
}

function stepTable(steps: RepairOutlook['steps']): string[] {
  const rows = steps.map(({ copy, order, disarm, why }) => {
    const does = order === null ? 'leave' : disarm ? 'disarm, write' : 'write';
    return [`${order ?? '-'}`, `${copy}`, does, why];
  });
  return table(
    [
      { title: 'order', align: 'right' },
      { title: 'copy', align: 'right' },
      { title: 'does' },
      { title: 'because it' },
    ],
    rows,
  );
}

/** What was written, what was read back, and what is left. */
export function repairedLines(
  { mode }: RepairPlan,
  commit: CommitReport,
  after: Report,
  left: readonly string[],
): string[] {
  const written = writtenCopies(commit);
  const verb = mode === 'commit' ? 'committed' : 'rewrote';
  const failed = commit.copies.filter(
    ({ copy, outcome, reason }) =>
      commit.degraded.includes(copy) && outcome !== 'written' && reason !== 'unreadable',
  );
  return [
    ...(written.length > 0 ? [`${verb} ${copiesText(written)}: sequence ${commit.sequence}`] : []),
    ...failed.map(({ copy, reason }) => `copy ${copy} could NOT be written${reason ? ` (${reason})` : ''}`),
    readBackLine(after, commit.sequence),
    ...(left.length === 0
      ? ['repaired: every copy that fits holds the table']
      : ['LEFT to repair:', ...indented(left)]),
  ];
}
