// Room: cli, pure part. What `check` recommends where more than one table could be the right one: how to choose, and what can be done
// with each of them.
import { handoverDoubts } from '../../recovery/handover-doubts.js';
import { isExhausted } from '../../store/commit/exhausted.js';
import type { Report } from '../../store/examine/examine.js';
import { type ValidSlot, validCopies } from '../../store/table/copies.js';
import { copiesText } from '../../store/table/phrases.js';
import { sameButIndex } from '../../store/table/table.js';
import type { Advice } from '../print/advice.js';
import { commandLine } from '../print/escape.js';
import { holdsOtherMain } from '../spare/other-main.js';
import {
  commandsOfTable,
  hasDataInside,
  isRepairable,
  nameOption,
  singleOption,
} from './check-data-inside.js';
import { unreadableCopies } from './repair-steps.js';

/** What is the same in two copies is offered once, by the first of them. */
export function choices(report: Report, path: string): Advice[] {
  const valid = validCopies(report.copies);
  const tables = valid.filter(
    ({ slot }, at) => !valid.slice(0, at).some((other) => sameButIndex(other.slot.bytes, slot.bytes)),
  );
  const leave = leaveOption(report);
  return [
    ...(isHalfHandedOver(report)
      ? [
          {
            says: 'this is how an interrupted handover looks; if it is one, run it again',
            commands: valid.some(hasDataInside)
              ? []
              : [commandLine(`handover${leave}${singleOption(report)}${nameOption(report)}`, path)],
          },
        ]
      : []),
    ...whichMain(report),
    {
      says: 'look in what the copies differ, and choose: a newer table may not be the elected one',
      commands: [commandLine('examine --compare', path)],
    },
    ...(isRepairable(report) ? choosing(report, tables, path) : []),
  ];
}

/** What can be done with each of the tables. */
function choosing(report: Report, tables: readonly ValidSlot[], path: string): Advice[] {
  const inside = tables.filter(hasDataInside);
  const name = holdsOtherMain(report) ? ' --yes=NAME' : nameOption(report);
  if (isExhausted(report.copies)) {
    const allow = (table: ValidSlot) => (inside.includes(table) ? ' --allow-data-in-metadata' : '');
    const named = name === '' ? '' : `; NAME is that of the spare`;
    return [
      {
        says: `then hand over the one that you choose: no commit can rise above the highest sequence, and this starts again at 1; all others are given up${named}`,
        commands: tables.map((table) =>
          commandLine(
            `handover --use copy=${table.copy}${allow(table)}${leaveOption(report)}${singleOption(report)}${name}`,
            path,
          ),
        ),
      },
    ];
  }
  const lost = unreadableCopies(report).length === 0 ? '' : ' --rewrite-unreadable';
  const outside = tables.filter((table) => !inside.includes(table));
  return [
    {
      says: 'then see what a repair from the one that you choose would do',
      commands: outside.map(({ copy }) =>
        commandLine(`repair --use copy=${copy}${lost}${singleOption(report)}`, path),
      ),
    },
    {
      says: 'of these the remaps have their data where the copies are: moving it out commits the table too',
      commands: inside.flatMap((table) => commandsOfTable(report, table, path)),
    },
  ].filter(({ commands }) => commands.length > 0);
}

/** Where copies are of different main devices: how to know which of them is the right one. */
function whichMain({ ambiguities }: Report): Advice[] {
  return ambiguities.flatMap((ambiguity) => {
    if (ambiguity.kind !== 'other-main') return [];
    const sizes = ambiguity.mains.map(({ sectors, uuid, copies }) => {
      const named = uuid === '' ? '' : `, UUID ${uuid}`;
      return `${sectors * 512n} bytes${named} (${copiesText(copies)})`;
    });
    return [
      {
        says: `find the main device of this spare, by its size in bytes: it is the right one for the copies that name it: ${sizes.join('; ')}`,
        commands: ['lsblk --bytes --output NAME,SIZE,MODEL,SERIAL,UUID'],
      },
    ];
  });
}

/** Whether all that is in doubt is what a handover leaves that was interrupted. */
export function isHalfHandedOver(report: Report): boolean {
  const winner = validCopies(report.copies).find(({ copy }) => copy === report.elections.ours?.copy);
  return winner !== undefined && isRepairable(report) && handoverDoubts(report, winner).length === 0;
}

/** Where copies cannot be read a handover leaves them alone when it is told to; a repair rewrites them afterwards. */
const leaveOption = (report: Report): string =>
  unreadableCopies(report).length === 0 ? '' : ' --leave-unreadable';
