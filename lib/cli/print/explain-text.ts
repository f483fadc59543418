// Room: cli, pure part. `examine --explain` for people: each copy rule by rule, then who falls out at which step.
import { assertNever } from '../../base/units.js';
import { futureToleranceSeconds } from '../../format/structure.js';
import type {
  ExplainedElection,
  Explanation,
  OrderStep,
  Parting,
  RuleStep,
} from '../../store/examine/explain.js';
import { copiesText, hex32, pick } from '../../store/table/phrases.js';
import { indented, utcOf } from './text.js';

/** The lines: the driver's election, ours, and where they part. */
export function explanationLines(explanation: Explanation): string[] {
  const { driver, ours, now } = explanation;
  return [
    `The driver's rules, at ${utcOf(now)} (${now}): the first that fails ends it`,
    ...indented(electionLines(driver)),
    '',
    'Our rules: the clock plays no part, and what is blank or foreign has a name',
    ...indented(electionLines(ours)),
    '',
    'Where they part',
    ...indented(partingLines(explanation)),
    '',
  ];
}

function electionLines({ copies, accepted, order, winner }: ExplainedElection): string[] {
  const wins = winner === null ? 'nobody' : `copy ${winner}`;
  return [
    ...copies.map(({ copy, rules }) => titled(`copy ${copy}`, rulesText(rules))),
    titled('accepted', accepted.length === 0 ? 'none' : copiesText(accepted)),
    ...orderLines(order),
    titled('wins', wins),
  ];
}

const titled = (title: string, text: string): string => `${title.padEnd(9)}  ${text}`;

function rulesText(rules: readonly RuleStep[]): string {
  const told = rules.filter((step) => !step.holds || 'found' in step);
  return `${told.map(ruleText).join(', ')}${rules.every(({ holds }) => holds) ? ': accepted' : ': OUT'}`;
}

function ruleText(step: RuleStep): string {
  const { rule, holds } = step;
  switch (rule) {
    case 'absent':
      return 'its block does not fit the device';
    case 'unreadable':
      return `cannot be read (${step.errno})`;
    case 'blank':
      return 'all 84288 bytes are zero';
    case 'foreign':
      return `the foreign layout "${step.layout}"`;
    case 'magic':
      return `magic ${hex32(step.found)}${holds ? '' : ` instead of ${hex32(step.limit)}`}`;
    case 'version':
      return `version ${step.found}${holds ? '' : ` instead of ${step.limit}`}`;
    case 'checksum':
      return holds
        ? `checksum ${hex32(step.found)}`
        : `checksum stored ${hex32(step.found)}, computed ${hex32(step.limit)}`;
    case 'count':
    case 'health':
      return `${rule} ${step.found}${holds ? '' : `, above ${step.limit}`}`;
    case 'future':
      return `timestamp ${step.found} ${clockText(step.found - step.limit)}`;
    default:
      return assertNever(rule);
  }
}

/** `over`: by how much a timestamp is later than the latest that the module accepts. */
const clockText = (over: bigint): string =>
  over > 0n
    ? `is ${over} s after now + ${futureToleranceSeconds}`
    : `is not after now + ${futureToleranceSeconds}`;

/** Each step until one copy is left, and after that only a step at which it falls out. */
function orderLines(order: readonly OrderStep[]): string[] {
  let left = Number.POSITIVE_INFINITY;
  return order.flatMap((step) => {
    const before = left;
    left = step.stay.length;
    const decides = step.out.length > 0 || (before > 1 && left > 1 && step.step !== 'start');
    return decides ? [titled(step.step, orderText(step))] : [];
  });
}

function orderText({ step, best, stay, out }: OrderStep): string {
  const falls = `${copiesText(out)} ${pick(out.length, 'falls', 'fall')} out`;
  if (step === 'start') {
    return `it begins with sequence 0 and timestamp 0 and takes only what is above: ${falls}`;
  }
  const rule = step === 'number' ? `the lowest is ${best}` : `the highest is ${best}`;
  return `${rule}: ${out.length === 0 ? `${copiesText(stay)} share it` : falls}`;
}

function partingLines({ driver, ours, partings, sameTable }: Explanation): string[] {
  if (partings.length === 0) {
    return [
      driver.winner === null ? 'nowhere: nobody wins with either' : `nowhere: both elect copy ${ours.winner}`,
    ];
  }
  const tables =
    sameTable === null
      ? []
      : [sameTable ? 'the tables of the two are the same' : 'the tables of the two DIFFER'];
  return [...partings.map(partingText), ...tables];
}

function partingText({ by, copy, at }: Parting): string {
  const [winner, other] =
    by === 'driver' ? ['we elect', 'with the driver'] : ['the driver elects', 'with us'];
  return `${winner} copy ${copy}, which is out ${other}: ${at === 'start' ? 'at the start of the order' : `rule "${at}"`}`;
}
