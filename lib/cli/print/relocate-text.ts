// Room: cli, pure part. A relocation for people: what lies where, what becomes of it, and what became of it.
import type { InsideEntry, RelocationPlan } from '../../recovery/relocate-plan.js';
import type { CommitReport } from '../../store/commit/commit-report.js';
import { nextSequenceBase } from '../../store/examine/election.js';
import type { Report } from '../../store/examine/examine.js';
import { copiesText, pick } from '../../store/table/phrases.js';
import { statusOfVerdict, verdictOf, verdictSentence } from '../commands/check-verdict.js';
import { writtenCopies } from './commit-text.js';
import { entryTable } from './entry-table.js';
import { escapeText } from './escape.js';
import { readBackLine } from './read-back.js';
import { counted, indented } from './text.js';

/** The plan; a refusal is told by who asks. */
export function relocationLines(path: string, report: Report, plan: RelocationPlan): string[] {
  const { inside, source } = plan;
  const name = escapeText(path);
  if (source === null) return [`${name}: cannot be relocated as it is`];
  const of = `copy ${source.copy}, sequence ${source.slot.header.sequenceNumber}`;
  if (inside.length === 0) {
    return [`${name}: nothing to move: no remap has its data inside the metadata region (${of})`];
  }
  const moved = inside.filter(({ to }) => to !== null).length;
  const one = pick(inside.length, 'remap has its', 'remaps have their');
  return [
    `${name}: ${inside.length} ${one} data inside the metadata region (${of})`,
    ...indented([
      ...entryTable(
        inside,
        [{ title: 'to', align: 'right' }, { title: 'holds' }, { title: 'because' }],
        ({ to, holds, pending, why }) => [
          to === null ? '-' : `${to}`,
          pending ? `${holds}, PENDING` : holds,
          why,
        ],
      ),
      ...legend(inside),
      ...(moved > 0
        ? [
            `${counted(moved, 'sector')} to move, and a commit as sequence ${nextSequenceBase(report.copies) + 1n}: ` +
              `copies ${plan.order.map(({ copy }) => copy).join(', ')}, in this order`,
          ]
        : []),
    ]),
  ];
}

function legend(inside: readonly InsideEntry[]): string[] {
  const some = (is: (one: InsideEntry) => boolean) => inside.some(is);
  const stays = ({ to }: InsideEntry) => to === null;
  return [
    ...(some(({ part }) => part === 'slack')
      ? ['behind a structure: no checksum tells whether the module has written over it']
      : []),
    ...(some(({ holds, pending }) => holds === 'metadata' && !pending)
      ? ['metadata: the data is lost; `remap remove --allow-data-in-metadata` gives such a remap up']
      : []),
    ...(some(({ holds, pending }) => holds === 'metadata' && pending)
      ? [
          'metadata, PENDING: the data may be on main; `remap remove --allow-data-in-metadata` makes that its place again',
        ]
      : []),
    ...(some(({ pending }) => pending)
      ? [
          'PENDING: until it is created again a target of the module reads and writes main instead; then it uses the spare',
        ]
      : []),
    ...(some((one) => one.holds !== 'data' && stays(one))
      ? ['-: stays where it is; --doubtful moves what is there all the same']
      : []),
  ];
}

/** What was moved and committed, and what the spare is worth now. */
export function relocatedLines({ inside }: RelocationPlan, commit: CommitReport, after: Report): string[] {
  const verdict = verdictOf(after);
  const moved = inside.filter(({ to }) => to !== null).length;
  return [
    `moved ${counted(moved, 'sector')}, read back and compared`,
    `committed ${copiesText(writtenCopies(commit))}: sequence ${commit.sequence}`,
    ...(commit.degraded.length > 0 ? [`DEGRADED: ${copiesText(commit.degraded)} could not be written`] : []),
    readBackLine(after, commit.sequence),
    `${verdict.toUpperCase()}: ${verdictSentence(after, verdict)}`,
  ];
}

/** Damage that is left. */
export const statusAfter = (after: Report): number => statusOfVerdict(verdictOf(after));
