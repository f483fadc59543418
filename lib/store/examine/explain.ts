// Room: store, pure part. An election told step by step: each copy against each rule until one fails, then the order among
// the copies that are left (format.md section 4; ours: format.md rules 1 and 2). It judges from the bytes, rule by rule, so that
// it can be held against the elections, which do not.
import type { UnixSeconds } from '../../base/units.js';
import { structureChecksum } from '../../format/checksum.js';
import type { DecodedSlot } from '../../format/codec.js';
import { type DriverRule, isFromFuture } from '../../format/driver.js';
import type { ForeignLayout } from '../../format/foreign.js';
import {
  formatVersion,
  futureToleranceSeconds,
  type Header,
  maxEntries,
  maxHealthScore,
  metadataMagic,
  readHeader,
} from '../../format/structure.js';
import type { SlotCopy } from '../table/copies.js';
import { sameTable } from '../table/table.js';
import { electDriver, electOurs } from './election.js';
import type { Findings } from './examine.js';

/** A rule that a copy is held against, with what was found. `limit` is what it has to be, or the most that it may be. */
export type RuleStep =
  | { readonly rule: 'absent'; readonly holds: boolean }
  | { readonly rule: 'unreadable'; readonly holds: boolean; readonly errno: string | null }
  | { readonly rule: 'blank'; readonly holds: boolean }
  | { readonly rule: 'foreign'; readonly holds: boolean; readonly layout: ForeignLayout | null }
  | {
      readonly rule: 'magic' | 'version' | 'checksum' | 'count' | 'health';
      readonly holds: boolean;
      readonly found: number;
      readonly limit: number;
    }
  | {
      readonly rule: 'future';
      readonly holds: boolean;
      /** The timestamp of the copy, seconds since the epoch. */
      readonly found: bigint;
      /** The latest timestamp that the module accepts: now + 86,400. */
      readonly limit: bigint;
    };

/** The name of a rule: the module's, and what we look for before. */
export type Rule = DriverRule | 'blank' | 'foreign';

/**
 * A step of the order. `start`: the module begins with sequence 0 and timestamp 0 and compares strictly, so a copy that has
 * both never wins. `number`: the lowest copy number.
 */
export interface OrderStep {
  readonly step: 'start' | 'sequence' | 'timestamp' | 'number';
  /** What wins the step: a sequence, a timestamp or a copy number; null where nobody is left. */
  readonly best: bigint | null;
  readonly stay: readonly number[];
  readonly out: readonly number[];
}

export interface ExplainedElection {
  /** The steps of each copy, lowest number first; the last one fails, or the copy is accepted. */
  readonly copies: readonly { readonly copy: number; readonly rules: readonly RuleStep[] }[];
  readonly accepted: readonly number[];
  readonly order: readonly OrderStep[];
  readonly winner: number | null;
}

/** Where the two elections part. The order is the same in both: a winner of one is always out with the other. */
export interface Parting {
  /** In whose election the copy is out. */
  readonly by: 'driver' | 'ours';
  readonly copy: number;
  /** The rule that it fails there, or the step of the order. */
  readonly at: Rule | 'start';
}

export interface Explanation {
  readonly now: UnixSeconds;
  readonly driver: ExplainedElection;
  readonly ours: ExplainedElection;
  /** Empty where both elect the same copy, or nobody. */
  readonly partings: readonly Parting[];
  /** Whether the tables of the two winners are one. Null where not both have a winner. */
  readonly sameTable: boolean | null;
}

/** Tells both elections of a report step by step: who wins, who is out at which step, and where they part. */
export function explain({ copies, now }: Pick<Findings, 'copies' | 'now'>): Explanation {
  const driver = election(copies, (slot) => driverSteps(slot, now), true);
  const ours = election(copies, oursSteps, false);
  const [driverWinner, oursWinner] = [electDriver(copies, now), electOurs(copies)];
  const both = driverWinner !== null && oursWinner !== null;
  return {
    now,
    driver,
    ours,
    partings:
      driver.winner === ours.winner
        ? []
        : [...parting('driver', driver, ours.winner), ...parting('ours', ours, driver.winner)],
    sameTable: both ? sameTable(driverWinner.bytes, oursWinner.slot.bytes) : null,
  };
}

function election(
  copies: readonly SlotCopy[],
  stepsOf: (slot: DecodedSlot) => readonly RuleStep[],
  fromZero: boolean,
): ExplainedElection {
  const judged = copies.map(({ copy, slot }) => ({ copy, rules: stepsOf(slot) }));
  const accepted = judged.filter(({ rules }) => rules.every(({ holds }) => holds)).map(({ copy }) => copy);
  const candidates = copies.flatMap(({ copy, slot }) =>
    accepted.includes(copy) && slot.state !== 'absent' && slot.bytes !== null
      ? [{ copy, header: readHeader(slot.bytes) }]
      : [],
  );
  const order = orderOf(candidates, fromZero);
  return { copies: judged, accepted, order, winner: order.at(-1)?.stay[0] ?? null };
}

interface Candidate {
  readonly copy: number;
  readonly header: Header;
}

function orderOf(candidates: readonly Candidate[], fromZero: boolean): OrderStep[] {
  const steps: OrderStep[] = [];
  let left = candidates;
  const step = (name: OrderStep['step'], best: bigint | null, stays: (one: Candidate) => boolean) => {
    const [stay, out] = [left.filter(stays), left.filter((one) => !stays(one))];
    steps.push({ step: name, best, stay: numbersIn(stay), out: numbersIn(out) });
    left = stay;
  };
  const highest = (of: (header: Header) => bigint) =>
    left.map(({ header }) => of(header)).reduce<bigint | null>((a, b) => (a !== null && a > b ? a : b), null);
  if (fromZero) {
    step('start', 0n, ({ header }) => header.sequenceNumber > 0n || header.timestampSeconds > 0n);
  }
  const sequence = highest((header) => header.sequenceNumber);
  step('sequence', sequence, ({ header }) => header.sequenceNumber === sequence);
  const timestamp = highest((header) => header.timestampSeconds);
  step('timestamp', timestamp, ({ header }) => header.timestampSeconds === timestamp);
  const lowest = left[0]?.copy;
  step('number', lowest === undefined ? null : BigInt(lowest), ({ copy }) => copy === lowest);
  return steps;
}

const numbersIn = (candidates: readonly Candidate[]): number[] => candidates.map(({ copy }) => copy);

function parting(by: Parting['by'], { copies, order }: ExplainedElection, copy: number | null): Parting[] {
  if (copy === null) return [];
  const failed = copies.find((one) => one.copy === copy)?.rules.find(({ holds }) => !holds);
  if (failed !== undefined) return [{ by, copy, at: failed.rule }];
  const start = order.find(({ step }) => step === 'start');
  return start?.out.includes(copy) ? [{ by, copy, at: 'start' }] : [];
}

/** What can be said before there are bytes to look at; then the bytes. */
function firstSteps(slot: DecodedSlot): { steps: RuleStep[]; bytes: Uint8Array | null } {
  if (slot.state === 'absent') return { steps: [{ rule: 'absent', holds: false }], bytes: null };
  const unreadable = slot.state === 'damaged' && slot.damage.fault === 'unreadable' ? slot.damage : null;
  return {
    steps: [
      { rule: 'absent', holds: true },
      { rule: 'unreadable', holds: unreadable === null, errno: unreadable?.errno ?? null },
    ],
    bytes: slot.bytes,
  };
}

/** format.md section 4. The clock is the last rule. */
function driverSteps(slot: DecodedSlot, now: UnixSeconds): RuleStep[] {
  const { steps, bytes } = firstSteps(slot);
  if (bytes === null) return steps;
  const header = readHeader(bytes);
  const { timestampSeconds } = header;
  return untilFailed(steps, [
    ...fieldSteps(header, bytes),
    () => ({
      rule: 'future',
      holds: !isFromFuture(timestampSeconds, now),
      found: timestampSeconds,
      limit: now + futureToleranceSeconds,
    }),
  ]);
}

/** format.md rule 1: no clock, and what is blank or foreign is named before the magic number is looked at. */
function oursSteps(slot: DecodedSlot): RuleStep[] {
  const { steps, bytes } = firstSteps(slot);
  if (bytes === null) return steps;
  const damage = slot.state === 'damaged' ? slot.damage : null;
  const layout = damage?.fault === 'foreign' ? damage.layout : null;
  return untilFailed(steps, [
    () => ({ rule: 'blank', holds: damage?.fault !== 'blank' }),
    () => ({ rule: 'foreign', holds: layout === null, layout }),
    ...fieldSteps(readHeader(bytes), bytes),
  ]);
}

/** Functions, because what follows a failed rule is not looked at: no checksum of another version. */
function fieldSteps(header: Header, bytes: Uint8Array): (() => RuleStep)[] {
  const { magic, version, checksum, activeRemaps, healthScore } = header;
  const equal = (rule: 'magic' | 'version' | 'checksum', found: number, limit: number): RuleStep => ({
    rule,
    holds: found === limit,
    found,
    limit,
  });
  const atMost = (rule: 'count' | 'health', found: number, limit: number): RuleStep => ({
    rule,
    holds: found <= limit,
    found,
    limit,
  });
  return [
    () => equal('magic', magic, metadataMagic),
    () => equal('version', version, formatVersion),
    () => equal('checksum', checksum, structureChecksum(bytes)),
    () => atMost('count', activeRemaps, maxEntries),
    () => atMost('health', healthScore, maxHealthScore),
  ];
}

function untilFailed(steps: RuleStep[], following: readonly (() => RuleStep)[]): RuleStep[] {
  for (const next of following) {
    const step = next();
    steps.push(step);
    if (!step.holds) break;
  }
  return steps;
}
