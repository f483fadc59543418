// Room: cli, pure part. What to do about a spare, in the order in which to do it, with the exact commands to type.
import { geometries } from '../format/geometry.js';
import { handoverDoubts } from '../recovery/handover-doubts.js';
import { planRepair } from '../recovery/repair-plan.js';
import { validCopies } from '../store/copies.js';
import type { Report } from '../store/examine.js';
import { keptGhosts } from '../store/ghost-entries.js';
import { strangerClauses, underStructures } from '../store/strangers.js';
import { sameButIndex } from '../store/table.js';
import { copiesText, listOf, pick } from '../store/words.js';
import type { Advice } from './advice.js';
import { isBlank } from './check-verdict.js';
import { commandLine, shellQuote } from './escape.js';
import { ghostHints } from './ghost-text.js';
import { unreadableCopies } from './repair-steps.js';
import { utcOf } from './text.js';

/** What to do about it, where that is known. */
export function recommendations(report: Report, path: string): Advice[] {
  if (report.elections.ours === null) return withoutTable(report, path);
  const isDoubtful = report.ambiguities.length > 0;
  return [
    ...foreign(report, path),
    ...(isDoubtful ? choices(report, path) : []),
    ...clock(report),
    //  First: a repair or a handover would destroy that data, and is refused.
    ...relocation(report, path),
    //  Before what overwrites the copies that they are in.
    ...(isRepairable(report) ? ghostHints(report, path) : []).map((hint) => ({
      ...hint,
      says: `ghosts: ${hint.says}`,
    })),
    ...(isDoubtful ? [] : forgetting(report, path)),
    ...(isDoubtful ? [] : repairs(report, path)),
    ...handover(report, path),
  ];
}

/** Repair and handover write at the driver's places only. */
const isRepairable = ({ geometry }: Report): boolean => geometry === 'driver';

/** There is nothing to repair from. */
function withoutTable(report: Report, path: string): Advice[] {
  const { copies, otherCopies, activation } = report;
  if (copies.every(({ slot }) => slot.state === 'absent')) return [];
  //  Also at the places that were not asked for.
  if (isBlank(copies) && isBlank(otherCopies) && isVacant(report)) {
    const says = 'if this is the right device, and a new one, write empty metadata for its main device';
    return [{ says, commands: [commandLine('create --main MAIN', path)] }];
  }
  const look = { says: 'look at what is there', commands: [commandLine('examine', path)] };
  if (activation.verdict === 'empty' || !isRepairable(report)) return [look];
  return [
    {
      says: 'keep what is there before anything else, best on another disk',
      commands: [`${commandLine('backup', path)} ${shellQuote(backupName(path))}`],
    },
    look,
    {
      says: 'there is nothing to repair from; with a FILE that `dmremap backup` has saved before, restore it',
      commands: [commandLine('restore --backup FILE', path)],
    },
  ];
}

/** Whether `create` would find nothing to refuse for. */
const isVacant = ({ strangers: { marks, told, unknown, unread } }: Report): boolean =>
  marks.length + told.length + unread.length === 0 && unknown === null;

/** Before what overwrites it. */
function foreign({ strangers, geometry }: Report, path: string): Advice[] {
  const over = underStructures(strangers.marks, geometries[geometry]);
  if (over.length === 0) return [];
  const what = listOf(strangerClauses(over));
  const says = `foreign data: ${what}. Make sure that nobody needs it: commands that write here overwrite it, and ask for the name of the spare`;
  return [{ says, commands: [commandLine('examine', path)] }];
}

/** `sdb.backup`, in the folder where it is typed. */
function backupName(path: string): string {
  const base = `${path.replace(/^.*\//s, '')}.backup`;
  //  The path in front may have no `--` before it.
  return base.startsWith('-') ? `./${base}` : base;
}

/** What is the same in two copies is offered once, by the first of them. */
function choices(report: Report, path: string): Advice[] {
  const valid = validCopies(report.copies);
  const tables = valid.filter(
    ({ slot }, at) => !valid.slice(0, at).some((other) => sameButIndex(other.slot.bytes, slot.bytes)),
  );
  return [
    ...(isHalfHandedOver(report)
      ? [
          {
            says: 'this is how an interrupted handover looks; if it is one, run it again',
            commands: [commandLine('handover', path)],
          },
        ]
      : []),
    ...whichMain(report),
    {
      says: 'look in what the copies differ, and choose: a newer table may not be the elected one',
      commands: [commandLine('examine --compare', path)],
    },
    ...(isRepairable(report)
      ? [
          {
            says: 'then see what a repair from the one that you choose would do',
            commands: tables.map(({ copy }) => commandLine(`repair --use copy=${copy}`, path)),
          },
        ]
      : []),
  ];
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
function isHalfHandedOver(report: Report): boolean {
  const winner = validCopies(report.copies).find(({ copy }) => copy === report.elections.ours?.copy);
  return winner !== undefined && isRepairable(report) && handoverDoubts(report, winner).length === 0;
}

function clock(report: Report): Advice[] {
  const least = newestTimestamp(report);
  if (least === null) return [];
  const now = report.activation.verdict === 'keeps' ? '' : ' (activated now, the spare is not kept)';
  const says = `clock: if it is the host that is wrong, set its clock before the module takes this spare${now}`;
  //  Beyond the calendar it is no clock that is wrong.
  if (least > lastSettable) return [{ says, commands: [] }];
  return [{ says: `${says}, at least to ${utcOf(least)}`, commands: [`date -u -s '${dateText(least)}'`] }];
}

/** The newest timestamp of a valid copy, where the clock is behind it; else null. */
function newestTimestamp({ copies, now }: Report): bigint | null {
  const ahead = validCopies(copies)
    .map(({ slot }) => slot.header.timestampSeconds)
    .filter((at) => at > now);
  return ahead.length === 0 ? null : ahead.reduce((a, b) => (a > b ? a : b));
}

const lastSettable = 253_402_300_799n; //  The end of 9999: what date(1) reads in this form.
const dateText = (seconds: bigint): string => utcOf(seconds).replace('T', ' ').replace('Z', '');

/** Whether the module does not take the elected copy because of the clock alone. */
const isAhead = ({ copies, elections: { ours } }: Report): boolean =>
  copies.some(({ copy, driverRejects }) => copy === ours?.copy && driverRejects === 'future');

function relocation(report: Report, path: string): Advice[] {
  const inside = report.lints.filter(({ id }) => id === 'spare-inside-metadata').length;
  if (inside === 0 || !isRepairable(report)) return [];
  const one = pick(inside, 'remap has its', 'remaps have their');
  return [
    {
      says: `relocate: ${inside} ${one} data where the copies are`,
      commands: [commandLine('relocate', path)],
    },
  ];
}

/** Where no remap can be added for ghosts: how to give them up instead. */
function forgetting(report: Report, path: string): Advice[] {
  if (report.shown === null || !isRepairable(report) || keptGhosts(report.shown).length === 0) return [];
  return [
    {
      says: 'ghosts: no remap is added, and no RemapTarget opened, before they are taken back; to give them up instead',
      commands: [commandLine('remap forget', path)],
    },
  ];
}

function repairs(report: Report, path: string): Advice[] {
  const { mode, writes, reasons } = planRepair(report, { allowUnsafe: true, rewriteUnreadable: true });
  if (mode !== 'rewrite' && mode !== 'commit') return [];
  const bad = writes.map(({ copy }) => copy).sort();
  const lost = unreadableCopies(report);
  const ahead = isAhead(report);
  const why =
    bad.length === 0
      ? clause(reasons[0] ?? '')
      : `${copiesText(bad)} should hold the elected table; the module never repairs a copy`;
  const when = ahead ? ', where the clock of this host is right' : '';
  const but = lost.length === 0 ? '' : `; what ${copiesText(lost)} may hold is lost then`;
  //  Without it the repair is refused: the clock is what is wrong, more often than the table.
  const options = `${ahead ? ' --ignore-clock' : ''}${lost.length === 0 ? '' : ' --rewrite-unreadable'}`;
  return [
    {
      says: `repair${when}: ${why}${but}`,
      commands: isRepairable(report) ? [commandLine(`repair${options}`, path)] : [],
    },
  ];
}

function handover(report: Report, path: string): Advice[] {
  const { elections, ambiguities, lints } = report;
  if (!lints.some(({ id }) => id === 'handover')) return [];
  const restart = `the module starts again at sequence 2, the elected table has ${elections.ours?.sequence}`;
  if (ambiguities.length > 0) {
    //  Then it is the first that is recommended.
    if (isHalfHandedOver(report)) return [];
    return [{ says: `handover, once the table is chosen: ${restart}`, commands: [] }];
  }
  //  A mark over a slot goes with a repair, which asks for the name of the spare.
  const isMarked = underStructures(report.strangers.marks, geometries.driver).length > 0;
  const when = isAhead(report) ? ', once the clock is right' : isMarked ? ', after the repair' : '';
  const commands = isRepairable(report) && !isMarked ? [commandLine('handover', path)] : [];
  return [{ says: `handover${when}: ${restart}`, commands }];
}

/** A sentence as a part of one. */
const clause = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`.replace(/\.$/, '');
