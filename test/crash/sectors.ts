// The sector form: recorded operations, and of each write every subset of its sectors, torn at 512 bytes. A device that is
// atomic at 4,096 leaves some of these states and no others.
import { decodeSlot } from '../../lib/format/codec.js';
import { structureBytes } from '../../lib/format/structure.js';
import { random } from '../support/random.js';
import { type Content, canonical, contentOf, drawnContent, type State } from './alphabet.js';
import { type Step, stepsOf } from './crash-states.js';
import { type Promised, promisedBy, violation } from './judge.js';
import { describe, type Violation } from './judge-steps.js';
import { type Operation, run } from './operations.js';
import { imageOfMask, namedMasks, passingMasks, residualOf, type Tearing, tearingOf } from './residual.js';
import type { Scenario } from './scenarios.js';

export interface SectorTally {
  operations: number;
  /** Writes of which every subset of sectors was looked at, and how many subsets that are. */
  writesInFull: number;
  subsets: bigint;
  /** Writes that have more sectors than the checksum has bits, and how many of their subsets were looked at. */
  writesSampled: number;
  sampled: number;
  /** Torn images that were decoded, to hold the algebra against. */
  decoded: number;
  /** Torn images that pass for a copy, and are neither the old nor the new one. */
  strangers: number;
  readonly violations: Violation[];
}

const newSectorTally = (): SectorTally => ({
  operations: 0,
  writesInFull: 0,
  subsets: 0n,
  writesSampled: 0,
  sampled: 0,
  decoded: 0,
  strangers: 0,
  violations: [],
});

export interface SectorOptions {
  readonly logicalBlockSize: 512 | 4096;
  /** Random subsets of a write that is too wide, and images that are decoded of every write. */
  readonly randomSubsets: number;
  readonly decodes: number;
  readonly seed: number;
}

/** Every scenario, on devices of both block sizes. */
export async function exploreScenarios(
  scenarios: readonly Scenario[],
  options: Omit<SectorOptions, 'logicalBlockSize'>,
): Promise<SectorTally> {
  const tally = newSectorTally();
  for (const { operation, start } of scenarios) {
    for (const logicalBlockSize of [512, 4096] as const)
      await exploreSectors(operation, start, { ...options, logicalBlockSize }, tally);
    if (tally.violations.length >= 20) break;
  }
  return tally;
}

async function exploreSectors(
  operation: Operation,
  start: State,
  options: SectorOptions,
  tally: SectorTally,
): Promise<void> {
  const { log, error } = await run(operation, start, options.logicalBlockSize);
  if (error !== undefined) return;
  tally.operations++;
  const steps = stepsOf(start, log);
  let held = [...start];
  const durable = new Map<number, Content>();
  const end = lastOf(start, steps);
  const promised = promisedBy(operation, start, end);
  for (const step of steps) {
    if (step.kind === 'flush') continue;
    const before = held;
    held = [...held];
    for (const { slot, to } of step.writes) held[slot] = to;
    for (const { slot, to } of step.writes) {
      const old = before[slot] as Content;
      for (const torn of tornContents(old, to, options, tally)) {
        for (const state of around(before, held, step, slot, torn)) {
          const wrong = violation(promised as Promised, { state, durable, group: 0 });
          if (wrong !== undefined)
            tally.violations.push(describe(operation, start, state, `${wrong} (sectors of copy ${slot})`));
        }
      }
    }
    for (const { slot, isBody } of step.writes) if (isBody) durable.set(slot, before[slot] as Content);
  }
}

const lastOf = (start: State, steps: readonly Step[]): State => {
  const held = [...start];
  for (const step of steps)
    if (step.kind === 'writes') for (const { slot, to } of step.writes) held[slot] = to;
  return held;
};

/** The torn slot, with each fate of the other one that is in flight. */
function* around(before: State, after: State, step: Step, slot: number, torn: Content): Generator<State> {
  const others = step.kind === 'writes' ? step.writes.filter((write) => write.slot !== slot) : [];
  const base = before.map((content, at) => canonical(at === slot ? torn : content));
  yield base;
  for (const other of others) {
    for (const fate of [canonical(after[other.slot] as Content), drawnContent('x'), drawnContent('m')])
      yield base.map((content, at) => (at === other.slot ? fate : content));
  }
}

/** What a torn write can leave, each kind of content once: the damaged ones, and whatever passes for a copy. */
function tornContents(
  old: Content,
  to: Content,
  { randomSubsets, decodes, seed }: SectorOptions,
  tally: SectorTally,
): Set<Content> {
  const tearing = tearingOf(old.bytes, to.bytes);
  const width = tearing.sectors.length;
  const contents = new Set<Content>([drawnContent('x'), drawnContent('m')]);
  const take = (mask: readonly boolean[]) => {
    const content = contentOf(imageOfMask(tearing, mask));
    const isOne = (of: Content) =>
      Buffer.compare(of.bytes.subarray(0, structureBytes), content.bytes.subarray(0, structureBytes)) === 0;
    if (content.slot.state === 'valid' && !isOne(old) && !isOne(to)) tally.strangers++;
    contents.add(content);
  };

  const all = passingMasks(tearing);
  if (all !== undefined) {
    tally.writesInFull++;
    tally.subsets += 1n << BigInt(width);
    for (const mask of all) take(mask);
  } else {
    tally.writesSampled++;
    const { int } = random(seed);
    const masks = function* () {
      yield* namedMasks(width);
      for (let round = 0; round < randomSubsets; round++)
        yield Array.from({ length: width }, () => int(2) === 1);
    };
    for (const mask of masks()) {
      tally.sampled++;
      if (residualOf(tearing, mask) === 0) take(mask);
    }
  }
  holdAgainstDecoding(tearing, decodes, seed, tally);
  return contents;
}

/** A torn image decodes as valid only where its residual is 0. */
function holdAgainstDecoding(tearing: Tearing, decodes: number, seed: number, tally: SectorTally): void {
  const { int } = random(seed);
  for (let round = 0; round < decodes; round++) {
    const mask = tearing.sectors.map(() => int(2) === 1);
    const { state } = decodeSlot({ kind: 'bytes', bytes: imageOfMask(tearing, mask) });
    tally.decoded++;
    if (state === 'valid' && residualOf(tearing, mask) !== 0) {
      const what = 'an image that algebra rejects is decoded as valid';
      tally.violations.push({ operation: 'decode', start: '', state: mask.map(Number).join(''), what });
    }
  }
}
