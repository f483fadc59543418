// Room: cli, pure part. What `check` makes of a report: one word, one sentence, one exit status.
import { assertNever } from '../base/units.js';
import { planRepair } from '../recovery/repair-plan.js';
import { validCopies } from '../store/copies.js';
import type { Report } from '../store/examine.js';
import { copiesText, listOf, pick, sentence } from '../store/words.js';
import { activationText, ambiguityClauses } from './election-text.js';
import { commandLine } from './escape.js';
import { exitBits } from './exit-status.js';
import { ghostHints } from './ghost-text.js';
import { unreadableCopies } from './repair-steps.js';
import { utcOf } from './text.js';

/**
 * `clean`: nothing is wrong. Everything else is damage or ambiguity that is left, the gravest word first: `short`, no
 * copy fits; `empty`, there is no metadata; `lost`, there is metadata and no copy of it is valid; `ambiguous`, more than one
 * table could be the right one; `endangered`, the kernel module would not keep the elected table; `damaged`, the elected
 * table is safe and something else is wrong.
 */
export const checkVerdicts = [
  'clean',
  'damaged',
  'endangered',
  'ambiguous',
  'lost',
  'empty',
  'short',
] as const;
export type CheckVerdict = (typeof checkVerdicts)[number];

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
      return `there is a good table (${elected}), but if the module takes this spare now, ${activationText(report)}`;
    case 'ambiguous':
      return `more than one table could be the right one: ${ambiguityClauses(report).join('; ')}`;
    case 'lost':
      return 'there is metadata, and no copy of it is valid';
    case 'empty':
      return isBlank(report)
        ? 'there is no metadata'
        : 'there is no metadata; there is something else, and the kernel module would overwrite it';
    case 'short':
      return report.sizeBytes === 0n ? 'there is not one byte' : 'not one copy of 131072 bytes fits';
    default:
      return assertNever(verdict);
  }
}

const isBlank = ({ copies }: Report): boolean =>
  copies.every(
    ({ slot }) => slot.state === 'absent' || (slot.state === 'damaged' && slot.damage.fault === 'blank'),
  );

const errorIds = ({ lints }: Report): string =>
  listOf([...new Set(lints.filter(({ severity }) => severity === 'error').map(({ id }) => id))]);

/** What to do about it, where that is known, with the command to type now. */
export function recommendations(report: Report, path: string): string[] {
  const { elections, ambiguities, lints } = report;
  const { ours } = elections;
  if (ours === null) return [];
  const lines: string[] = [];
  const doubt = ambiguities.length > 0;
  const type = (words: string) => `\`${commandLine(words, path)}\``;
  if (doubt) {
    lines.push(
      `look at each table (${type('examine --copy N')}) and choose: a newer one may not be elected`,
      ...(isRepairable(report)
        ? [`then repair from the one that you choose: ${type('repair --use copy=N')}`]
        : []),
    );
  }
  const least = newestTimestamp(report);
  if (least !== null) {
    const now = report.activation.verdict === 'keeps' ? '' : ' (activated now, the spare is not kept)';
    //  Beyond the calendar it is no clock that is wrong.
    const set =
      least > lastSettable ? '' : `, at least to ${utcOf(least)}: \`date -u -s '${dateText(least)}'\``;
    lines.push(
      `clock: if it is the host that is wrong, set its clock before the module takes this spare${now}${set}`,
    );
  }
  //  First: a repair or a handover would destroy that data, and is refused.
  const inside = lints.filter(({ id }) => id === 'spare-inside-metadata').length;
  if (inside > 0 && isRepairable(report)) {
    const one = pick(inside, 'remap has its', 'remaps have their');
    lines.push(`relocate: ${inside} ${one} data where the copies are: ${type('relocate')}`);
  }
  if (!doubt) lines.push(...repairLines(report, type));
  if (lints.some(({ id }) => id === 'handover')) {
    const restart = `the module starts again at sequence 2, the elected table has ${ours.sequence}`;
    const now = doubt || !isRepairable(report) ? '' : `: ${type('handover')}`;
    lines.push(`handover${doubt ? ', once the table is chosen' : ''}: ${restart}${now}`);
  }
  if (isRepairable(report)) lines.push(...ghostHints(report, path).map((hint) => `ghosts: ${hint}`));
  return lines.map(sentence);
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

/** Repair and handover write at the driver's places only. */
const isRepairable = ({ geometry }: Report): boolean => geometry === 'driver';

function repairLines(report: Report, type: (words: string) => string): string[] {
  const { mode, writes, reasons } = planRepair(report, { allowUnsafe: true, rewriteUnreadable: true });
  if (mode !== 'rewrite' && mode !== 'commit') return [];
  const bad = writes.map(({ copy }) => copy).sort();
  const lost = unreadableCopies(report);
  const why =
    bad.length === 0
      ? clause(reasons[0] ?? '')
      : `${copiesText(bad)} should hold the elected table; the module never repairs a copy`;
  const but = lost.length === 0 ? '' : `; what ${copiesText(lost)} may hold is lost then`;
  const words = `repair${lost.length === 0 ? '' : ' --rewrite-unreadable'}`;
  return [`repair: ${why}${but}${isRepairable(report) ? `: ${type(words)}` : ''}`];
}

/** A sentence as a part of one. */
const clause = (text: string): string => `${text.charAt(0).toLowerCase()}${text.slice(1)}`.replace(/\.$/, '');
