// Room: cli, pure part. What a table keeps back, and how many remaps are left: for people and for scripts.
import { judgeGhosts } from '../../recovery/ghosts.js';
import type { Report } from '../../store/examine/examine.js';
import { ghostsOfOthers } from '../../store/table/ghost-entries.js';
import { pick } from '../../store/table/phrases.js';
import type { RemapTable } from '../../store/table/remap-table.js';
import { commandLine } from './escape.js';
import { ExplainedError } from './failure.js';
import { counted } from './text.js';

export const heldOption = {
  'allow-held': {
    help: 'take a named place although another copy or a ghost entry names it: its data may be wanted back',
  },
} as const;

/** What is held back, on a line; none where nothing is. */
export function heldLines({ held: { places, entries, ghosts } }: Pick<RemapTable, 'held'>): string[] {
  if (entries + ghosts === 0) return [];
  const why = [
    ...(entries > 0 ? [`${counted(entries, 'sector')} named by entries of other copies`] : []),
    ...(ghosts > 0 ? [`${counted(ghosts, 'sector')} named by ghosts`] : []),
  ];
  return [`held back: ${counted(places, 'place')}, for ${why.join(' and ')}`];
}

/** How many ghosts keep new remaps out. */
export const blockingGhosts = ({
  ghosts,
  ghostsElsewhere,
}: Pick<RemapTable, 'ghosts' | 'ghostsElsewhere'>): number => ghosts.length + ghostsElsewhere.length;

/** How many remaps can be added. */
export function remainingLine(table: Pick<RemapTable, 'remaining' | 'ghosts' | 'ghostsElsewhere'>): string {
  const left = `remaps still possible: ${table.remaining}`;
  const count = blockingGhosts(table);
  if (count === 0) return left;
  return `${left}, once ${counted(count, 'ghost')} ${pick(count, 'is', 'are')} taken back or given up`;
}

/** The part of a document that is about it. */
export const toHeldJson = (table: Pick<RemapTable, 'held' | 'ghosts' | 'ghostsElsewhere' | 'remaining'>) => ({
  held: { ...table.held, blockingGhosts: blockingGhosts(table) },
  remapsLeft: table.remaining,
});

/** The refusal to add anything over ghosts, with the commands that are the ways on. @param copy the one that was named. */
export function ghostsError(report: Report, path: string, copy: number | undefined): ExplainedError {
  const { shown } = report;
  if (shown === null) throw new Error('ghosts without a table');
  const judged = judgeGhosts(shown);
  const others = ghostsOfOthers(report.copies, shown);
  const count = (verdict: string) => judged.filter((one) => one.verdict === verdict).length;
  const [taken, doubtful] = [count('taken'), count('doubtful')];
  const left =
    judged.length > 0
      ? tableGhosts(judged.length, shown.slot.header.activeRemaps)
      : `${counted(others.length, 'ghost')} of other copies ${pick(others.length, 'stands', 'stand')}`;
  const message = `${path}: ${left} where new remaps would be written: nothing is added before they are taken back or given up`;
  const use = copy === undefined ? '' : ` --use copy=${copy}`;
  const named = copy === undefined ? '' : ` --copy ${copy}`;
  return new ExplainedError('ERR_GHOST_ENTRIES', message, [
    ...takingBack(
      others.map((one) => one.copy),
      path,
    ),
    ...(judged.length === 0
      ? []
      : taken + doubtful > 0
        ? ['look at them and take them back:', `  ${commandLine(`repair --ghosts${use}`, path)}`]
        : ['none of them can be taken back: their original sectors or places are in use or out of range']),
    'or give them up:',
    `  ${commandLine(`remap forget${named}`, path)}`,
  ]);
}

const tableGhosts = (count: number, active: number): string =>
  `${counted(count, 'ghost')}, ${pick(count, 'an entry', 'entries')} of ${active === 0 ? 'an emptied' : 'an earlier'} table, ${pick(count, 'stands', 'stand')}`;

/** The ghosts of other copies are taken back by a commit of the copy that they are in, which gives up the table in force. */
function takingBack(copies: readonly number[], path: string): string[] {
  const commands = [...new Set(copies)].map(
    (copy) => `  ${commandLine(`repair --use copy=${copy} --ghosts`, path)}`,
  );
  return commands.length === 0
    ? []
    : ['look at those of other copies, and take them back in the place of this table:', ...commands];
}
