// Room: cli, pure part. Which copy wins, why, and who is out for what: the sentences behind an election.
import { assertNever } from '../../base/units.js';
import type { ActivationVerdict } from '../../store/examine/activation.js';
import type { Ambiguity, Report, ReportCopy } from '../../store/examine/examine.js';
import { mainsText } from '../../store/examine/mains.js';
import { isValid, numbersOf, validCopies } from '../../store/table/copies.js';
import {
  clausesFor,
  copiesText,
  damageText,
  driverRuleText,
  listOf,
  pick,
} from '../../store/table/phrases.js';
import type { Tone } from './text.js';

/** The lines under "Who wins": what they are about, and the clause. */
export function electionLines(report: Report): [about: string, clause: string][] {
  const lines: [string, string][] = [
    ['we elect', oursClause(report)],
    ['the driver', driverClause(report)],
  ];
  return [...lines, ...outClauses(report).map((clause): [string, string] => ['out', clause])];
}

function oursClause({ copies, elections: { ours } }: Report): string {
  if (ours === null) return 'nobody: there is no valid copy';
  const valid = validCopies(copies);
  const winner = valid.find(({ copy }) => copy === ours.copy);
  if (winner === undefined || valid.length === 1) return `copy ${ours.copy}: it is the only valid one`;

  const { sequenceNumber, timestampSeconds } = winner.slot.header;
  const first = valid.filter(({ slot }) => slot.header.sequenceNumber === sequenceNumber);
  const lower = [...new Set(valid.filter((copy) => !first.includes(copy)).map(sequenceOf))];
  const others = lower.length === 0 ? '' : `; the others have ${listOf(lower)}`;
  const highest = `the highest sequence (${sequenceNumber}${others})`;
  if (first.length === 1) return `copy ${ours.copy}: it has ${highest}`;

  const newest = first.filter(({ slot }) => slot.header.timestampSeconds === timestampSeconds);
  const share = `${copiesText(numbersOf(first))} share ${highest}`;
  if (newest.length === 1) return `copy ${ours.copy}: ${share}, and it is the newest of them`;
  const time =
    newest.length === first.length
      ? ' and the timestamp'
      : `, and of them ${copiesText(numbersOf(newest))} the newest timestamp`;
  return `copy ${ours.copy}: ${share}${time}, so the lowest number wins`;
}

const sequenceOf = ({ slot }: ReturnType<typeof validCopies>[number]): string =>
  `${slot.header.sequenceNumber}`;

function driverClause({ elections: { driver, ours, agree } }: Report): string {
  if (driver === null) return 'elects nobody';
  if (ours?.copy === driver.copy) return `elects copy ${driver.copy} too`;
  const which = `elects copy ${driver.copy}, sequence ${driver.sequence}`;
  return agree ? `${which}: another copy, but the same table` : `${which}: ANOTHER TABLE`;
}

/** Who is out, and for what: damage is the same to both; what the driver alone rejects is said as such. */
function outClauses({ copies, elections: { driver } }: Report): string[] {
  const gone = copies.filter((copy) => !isValid(copy));
  const clauses = clausesFor(gone.map((copy) => ({ copy: copy.copy, text: goneText(copy) })));
  const rejected = copies.filter((copy) => isValid(copy) && copy.driverRejects !== null);
  clauses.push(
    ...clausesFor(
      rejected.map(({ copy, driverRejects: rule }) => ({ copy, text: rule ? driverRuleText[rule] : '' })),
    ).map((clause) => `${clause}: out with the driver, not with us`),
  );
  const accepted = copies.filter(({ driverRejects }) => driverRejects === null);
  if (driver === null && accepted.length > 0) {
    //  It starts from 0 and 0 and compares strictly (format.md section 4).
    clauses.push(
      `${copiesText(numbersOf(accepted))} ${pick(accepted.length, 'has', 'have')} sequence 0 and timestamp 0, which never wins with the driver`,
    );
  }
  return clauses;
}

function goneText({ slot }: ReportCopy): string {
  switch (slot.state) {
    case 'absent':
      return 'does not fit the device';
    case 'damaged':
      return damageText(slot.damage);
    case 'valid':
      return 'is valid';
    default:
      return assertNever(slot);
  }
}

/** Why more than one table could be the right one, clause by clause; empty where there is no doubt. */
export const ambiguityClauses = ({ ambiguities }: Report): string[] => ambiguities.map(ambiguityClause);

function ambiguityClause(ambiguity: Ambiguity): string {
  switch (ambiguity.kind) {
    case 'other-main':
      return mainsText(ambiguity.mains);
    case 'disagreement':
      return `the driver elects copy ${ambiguity.driver}, we elect copy ${ambiguity.ours}, with another table`;
    case 'unaccepted':
      return `the driver accepts none of ${copiesText(ambiguity.copies)}, and they differ (is the clock right?)`;
    case 'regression': {
      const { copies } = ambiguity;
      return `${copiesText(copies)} ${pick(copies.length, 'is', 'are')} newer by the clock but ${pick(copies.length, 'has', 'have')} a lower sequence`;
    }
    case 'fork':
      return `${copiesText(ambiguity.copies)} share sequence ${ambiguity.sequence} but differ`;
    default:
      return assertNever(ambiguity);
  }
}

/** What the kernel module would do to the spare now, in one clause. `marked` gets the word of the verdict that is in it. */
export function activationText(report: Report, marked = (word: string): string => word): string {
  const { activation, elections, geometry } = report;
  const word = marked(activation.verdict.toUpperCase());
  if (geometry === 'driver')
    return `the module ${activationClause(activation.verdict, word, elections.ours)}`;
  const clause = activationClause(activation.verdict, word, null);
  return `the module, which looks at the driver's places only, ${clause}`;
}

function activationClause(
  verdict: ActivationVerdict,
  word: string,
  ours: Report['elections']['ours'],
): string {
  switch (verdict) {
    case 'keeps':
      return `${word} it: it restores ${ours === null ? 'a table' : `the table that we elect, of copy ${ours.copy}`}`;
    case 'stale':
      return `restores a ${word} table, not the one that we elect`;
    case 'foreign':
      return `WIPES it: it overwrites a ${word} layout with an empty table`;
    case 'wipes':
      return `${word} it: it overwrites what is there with an empty table`;
    case 'empty':
      return `takes it for ${word}, and writes an empty table`;
    case 'none':
      return `keeps ${word}: there is no room for a copy`;
    default:
      return assertNever(verdict);
  }
}

/** How grave it is. */
export const activationTone = (verdict: ActivationVerdict): Tone =>
  verdict === 'keeps' ? 'good' : verdict === 'empty' ? 'warning' : 'error';
