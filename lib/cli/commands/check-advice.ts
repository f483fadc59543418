// Room: cli, pure part. What to do about a spare, in the order in which to do it, with the exact commands to type.
import { geometries } from '../../format/geometry.js';
import { planRepair } from '../../recovery/repair-plan.js';
import { isExhausted } from '../../store/commit/exhausted.js';
import { isForeign } from '../../store/examine/activation.js';
import type { Report } from '../../store/examine/examine.js';
import { strangerClauses, underStructures } from '../../store/examine/strangers.js';
import { validCopies } from '../../store/table/copies.js';
import { ghostsOfOthers, keptGhosts } from '../../store/table/ghost-entries.js';
import { copiesText, listOf } from '../../store/table/phrases.js';
import type { Advice } from '../print/advice.js';
import { commandLine, shellQuote } from '../print/escape.js';
import { ghostHints } from '../print/ghost-text.js';
import { utcOf } from '../print/text.js';
import { choices, isHalfHandedOver } from './check-choices.js';
import {
  type DataInside,
  dataInside,
  hasDataInside,
  isRepairable,
  nameOption,
  singleOption,
} from './check-data-inside.js';
import { isBlank } from './check-verdict.js';
import { unreadableCopies } from './repair-steps.js';

/** What to do about it, where that is known. */
export function recommendations(report: Report, path: string): Advice[] {
  if (report.elections.ours === null) return withoutTable(report, path);
  if (report.ambiguities.length > 0) {
    return [
      ...foreign(report, path),
      ...choices(report, path),
      ...clock(report),
      ...ghosts(report, path),
      ...handover(report, path),
    ];
  }
  const inside = dataInside(report, path);
  return [
    ...foreign(report, path),
    ...clock(report),
    //  First: a repair or a handover would destroy that data, and is refused.
    ...inside.advice,
    //  Before what overwrites the copies that they are in.
    ...ghosts(report, path, inside),
    ...forgetting(report, path, inside),
    ...repairs(report, path, inside),
    ...handover(report, path, inside),
  ];
}

/** There is nothing to repair from. */
function withoutTable(report: Report, path: string): Advice[] {
  const { copies, otherCopies, activation } = report;
  if (copies.every(({ slot }) => slot.state === 'absent')) return [];
  //  Also at the places that were not asked for.
  if (isBlank(copies) && isBlank(otherCopies) && isVacant(report)) {
    const says = 'if this is the right device, and a new one, write empty metadata for its main device';
    return [{ says, commands: [commandLine(`create --main MAIN${singleOption(report)}`, path)] }];
  }
  const look = { says: 'look at what is there', commands: [commandLine('examine', path)] };
  if (activation.verdict === 'empty' || !isRepairable(report)) return [look];
  return [
    {
      says: 'keep what is there before anything else, best on another disk',
      commands: [`${commandLine('backup', path)} ${shellQuote(backupName(path))}`],
    },
    look,
    fromBackup(report, path),
  ];
}

/** A commit leaves copies that cannot be read alone, and takes at least one that can. */
function fromBackup(report: Report, path: string): Advice {
  const { copies } = report;
  const unread = unreadableCopies(report);
  const says =
    'there is nothing to repair from; with a FILE that `dmremap backup` has saved before, restore it';
  if (copies.every(({ copy, slot }) => slot.state === 'absent' || unread.includes(copy))) {
    return { says: `${says} to another spare, as no copy of this one can be read`, commands: [] };
  }
  //  What is not ours is overwritten by name only.
  const { marks, told, unknown } = report.strangers;
  const isOthers = copies.some(isForeign) || marks.length + told.length > 0;
  const force = !isOthers && unknown !== null ? ' --force' : '';
  const options = `${singleOption(report)}${isOthers ? ' --yes=NAME' : ''}`;
  return unread.length === 0
    ? { says, commands: [commandLine(`restore --backup FILE${force}${options}`, path)] }
    : {
        says: `${says}; what ${copiesText(unread)} may hold is lost then`,
        commands: [commandLine(`repair --use file=FILE --rewrite-unreadable${options}`, path)],
      };
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

/** They are taken back by a commit, of the copy that they are in. */
function ghosts(report: Report, path: string, inside = noData): Advice[] {
  const { shown, ambiguities } = report;
  if (!isRepairable(report) || shown === null) return [];
  //  A copy that is named could be one that its data has to be moved for first.
  if (ambiguities.length > 0 && validCopies(report.copies).some(hasDataInside)) inside = waits;
  //  Of a copy that is named the clock is not asked about.
  const own = ambiguities.length > 0 || isAhead(report) ? ` --use copy=${shown.copy}` : '';
  const options = `${rewriteOption(report)}${inside.option}${singleOption(report)}`;
  const isBlocked = isExhausted(report.copies) || inside.isWaitedFor;
  const later = isExhausted(report.copies) ? ' (once that copy is handed over: it takes a commit)' : '';
  return ghostHints(report, path, { own, options }).map(({ says, commands }) => ({
    says: `ghosts: ${says}${later}`,
    commands: isBlocked ? [] : commands,
  }));
}

/** Where no remap can be added for ghosts: how to give them up instead. */
function forgetting(report: Report, path: string, inside: DataInside): Advice[] {
  const { shown, copies } = report;
  if (shown === null || !isRepairable(report)) return [];
  if (keptGhosts(shown).length + ghostsOfOthers(copies, shown).length === 0) return [];
  const options = `${inside.option}${singleOption(report)}${nameOption(report)}`;
  const isBlocked = isExhausted(copies) || inside.isWaitedFor;
  return [
    {
      says: 'ghosts: no remap is added, and no RemapTarget opened, before they are taken back; to give them up instead',
      commands: isBlocked ? [] : [commandLine(`remap forget${options}`, path)],
    },
  ];
}

function repairs(report: Report, path: string, inside: DataInside): Advice[] {
  const { mode, writes, reasons } = planRepair(report, { allowUnsafe: true, rewriteUnreadable: true });
  if (mode !== 'rewrite' && mode !== 'commit') return [];
  const bad = writes.map(({ copy }) => copy).sort();
  const lost = unreadableCopies(report);
  const ahead = isAhead(report);
  const why =
    bad.length === 0
      ? clause(reasons[0] ?? '')
      : `${copiesText(bad)} should hold the elected table; the module never repairs a copy`;
  const when = `${inside.isWaitedFor ? ', once the data is moved' : ''}${ahead ? ', where the clock of this host is right' : ''}`;
  const but = lost.length === 0 ? '' : `; what ${copiesText(lost)} may hold is lost then`;
  //  Without it the repair is refused: the clock is what is wrong, more often than the table.
  const clock = ahead && mode === 'commit' ? ' --ignore-clock' : '';
  const options = `${clock}${rewriteOption(report)}${inside.option}${singleOption(report)}`;
  return [
    {
      says: `repair${when}: ${why}${but}`,
      commands: isRepairable(report) && !inside.isWaitedFor ? [commandLine(`repair${options}`, path)] : [],
    },
  ];
}

const rewriteOption = (report: Report): string =>
  unreadableCopies(report).length === 0 ? '' : ' --rewrite-unreadable';

function handover(report: Report, path: string, inside = noData): Advice[] {
  const { elections, ambiguities, lints, copies } = report;
  const isBlocked = isExhausted(copies);
  if (!isBlocked && !lints.some(({ id }) => id === 'handover')) return [];
  const restart = isBlocked
    ? 'no commit can rise above the highest sequence, and this starts again at 1'
    : `the module starts again at sequence 2, the elected table has ${elections.ours?.sequence}`;
  if (ambiguities.length > 0) {
    //  Then it is the first that is recommended.
    if (isHalfHandedOver(report)) return [];
    return [{ says: `handover, once the table is chosen: ${restart}`, commands: [] }];
  }
  //  A mark over a slot goes with a repair, which asks for the name of the spare.
  const isMarked = underStructures(report.strangers.marks, geometries.driver).length > 0;
  //  A copy that cannot be read could outrank sequence 1: it is repaired first.
  const isUnread = unreadableCopies(report).length > 0;
  const when = [
    ...(isAhead(report) ? [', once the clock is right'] : []),
    ...(inside.isWaitedFor ? [', once the data is moved'] : []),
    ...(isUnread ? [', once every copy can be read'] : []),
    ...(isMarked ? [', after the repair'] : []),
  ].join('');
  const isReady = isRepairable(report) && !inside.isWaitedFor && !isUnread && !isMarked;
  const options = `${inside.option}${singleOption(report)}`;
  return [
    {
      says: `handover${when}: ${restart}`,
      commands: isReady ? [commandLine(`handover${options}`, path)] : [],
    },
  ];
}

const noData: DataInside = { advice: [], isWaitedFor: false, option: '' };
const waits: DataInside = { ...noData, isWaitedFor: true };

/** A sentence as a part of one. */
const clause = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`.replace(/\.$/, '');
