// Room: cli, pure part. What a table keeps back, and how many remaps are left: for people and for scripts.
import { judgeGhosts } from '../../recovery/ghosts.js';
import type { Report } from '../../store/examine/examine.js';
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

/** How many remaps can be added. */
export function remainingLine({ remaining, ghosts }: Pick<RemapTable, 'remaining' | 'ghosts'>): string {
  const left = `remaps still possible: ${remaining}`;
  if (ghosts.length === 0) return left;
  return `${left}, once ${counted(ghosts.length, 'ghost')} ${pick(ghosts.length, 'is', 'are')} taken back or given up`;
}

/** The part of a document that is about it. */
export const toHeldJson = ({
  held,
  ghosts,
  remaining,
}: Pick<RemapTable, 'held' | 'ghosts' | 'remaining'>) => ({
  held: { ...held, blockingGhosts: ghosts.length },
  remapsLeft: remaining,
});

/** The refusal to add anything over ghosts, with the commands that are the ways on. @param copy the one that was named. */
export function ghostsError(report: Report, path: string, copy: number | undefined): ExplainedError {
  const { shown } = report;
  if (shown === null) throw new Error('ghosts without a table');
  const judged = judgeGhosts(shown);
  const count = (verdict: string) => judged.filter((one) => one.verdict === verdict).length;
  const [taken, doubtful] = [count('taken'), count('doubtful')];
  const left = tableGhosts(judged.length, shown.slot.header.activeRemaps);
  const message = `${path}: ${left} where new remaps would be written: nothing is added before they are taken back or given up`;
  const use = copy === undefined ? '' : ` --use copy=${copy}`;
  const named = copy === undefined ? '' : ` --copy ${copy}`;
  return new ExplainedError('ERR_GHOST_ENTRIES', message, [
    ...(taken + doubtful > 0
      ? ['look at them and take them back:', `  ${commandLine(`repair --ghosts${use}`, path)}`]
      : ['none of them can be taken back: their original sectors or places are in use or out of range']),
    'or give them up:',
    `  ${commandLine(`remap forget${named}`, path)}`,
  ]);
}

const tableGhosts = (count: number, active: number): string =>
  `${counted(count, 'ghost')}, ${pick(count, 'an entry', 'entries')} of ${active === 0 ? 'an emptied' : 'an earlier'} table, ${pick(count, 'stands', 'stand')}`;
