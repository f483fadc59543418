// Room: cli, pure part. Ghosts, for people and for scripts: what is made of each, and which command shows them.
import { ghostsElsewhere, type JudgedGhost } from '../../recovery/ghosts.js';
import type { RepairPlan } from '../../recovery/repair-plan.js';
import type { Findings } from '../../store/examine/examine.js';
import { toEntryJson } from '../../store/json/entry-json.js';
import { lostGhosts } from '../../store/table/ghost-entries.js';
import { pick } from '../../store/table/phrases.js';
import type { Advice } from './advice.js';
import { entryTable, shownEntries } from './entry-table.js';
import { commandLine } from './escape.js';
import { counted, flagsText, indented, utcOfNanoseconds } from './text.js';

/** What a plan makes of the ghosts of its source: a table, and the reasons of all that are not simply taken. */
export function ghostLines({ copies }: Findings, { ghosts, source }: RepairPlan): string[] {
  const slot = copies[source?.copy ?? -1]?.slot;
  if (ghosts === null || slot?.state !== 'valid') return [];
  if (ghosts.length === 0) return ['there are no ghosts'];
  const listed = ghosts.slice(0, shownEntries);
  const count = (verdict: JudgedGhost['verdict']) => ghosts.filter((one) => one.verdict === verdict).length;
  const doubtful = count('doubtful');
  return [
    `${counted(ghosts.length, 'ghost')}, ${count('taken')} of them to be taken into the table:`,
    ...indented([
      ...entryTable(
        ghosts,
        [{ title: 'time (UTC)' }, { title: 'flags' }, { title: 'verdict' }],
        ({ entry, verdict }) => [utcOfNanoseconds(entry.remapTimestampNs), flagsText(entry.flags), verdict],
      ),
      ...listed.filter(isNoteworthy).map(({ index, reasons }) => `ghost ${index}: ${reasons.join('; ')}`),
    ]),
    ...(count('taken') > 0 ? ['taken: the original sector and the place on the spare are free'] : []),
    ...(doubtful > 0 ? ['doubtful: taken only where --ghost-index names it'] : []),
    ...overwritten(ghosts, slot.header.activeRemaps),
  ];
}

const isNoteworthy = ({ verdict, reasons }: JudgedGhost): boolean =>
  verdict !== 'unnamed' && (verdict !== 'taken' || reasons.length > 1);

/** The table grows by as many entries as are taken: over ghosts that are not. */
function overwritten(ghosts: readonly JudgedGhost[], entries: number): string[] {
  const taken = ghosts.filter(({ verdict }) => verdict === 'taken').length;
  const lost = ghosts.filter(({ index, verdict }) => verdict !== 'taken' && index < entries + taken);
  if (lost.length === 0) return [];
  const may = pick(lost.length, 'ghost that is not taken is', 'ghosts that are not taken are');
  return [`${lost.length} ${may} overwritten by the table, and saved before`];
}

/**
 * That there are ghosts, and the commands that show them. None where there are none, or all are in the table again.
 * @param own what names the copy that is shown, where it has to be named. @param options for all of the commands.
 */
export function ghostHints(report: Findings, path: string, { own = '', options = '' } = {}): Advice[] {
  const { shown } = report;
  if (shown === null) return [];
  const count = lostGhosts(shown).length;
  const emptied = shown.slot.header.activeRemaps === 0 ? 'an emptied table' : 'an earlier table';
  return [
    ...(count === 0
      ? []
      : [
          {
            says: `${counted(count, 'ghost')}, ${pick(count, 'an entry', 'entries')} of ${emptied}`,
            commands: [commandLine(`repair${own} --ghosts${options}`, path)],
          },
        ]),
    ...ghostsElsewhere(report).map(({ copy, count: more }) => ({
      says: `copy ${copy} has ${counted(more, 'ghost')} that copy ${shown.copy} has not`,
      commands: [commandLine(`repair --use copy=${copy} --ghosts${options}`, path)],
    })),
  ];
}

/** The part of the document dmremap.repair/1 that is about ghosts. */
export function toGhostsJson(report: Findings, { ghosts }: RepairPlan) {
  return {
    found: report.shown === null ? 0 : lostGhosts(report.shown).length,
    elsewhere: ghostsElsewhere(report),
    judged:
      ghosts?.map(({ index, entry, verdict, code = null, reasons }) => ({
        index,
        ...toEntryJson(entry),
        verdict,
        code,
        reasons,
      })) ?? null,
  };
}
