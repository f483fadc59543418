// What an operation does to a spare, from the parts of the library that decide, without a device: fast enough for every
// state of five copies. That the whole operation does just this is shown on recorded runs (`copies.ts`).
import { DmremapError, type ErrorCode } from '../../lib/base/errors.js';
import { type Sequence, sequence, u64Max } from '../../lib/base/units.js';
import { geometries } from '../../lib/format/geometry.js';
import {
  blankMetadata,
  encodeCopy,
  type Metadata,
  metadataOf,
  withEntries,
  withHeader,
} from '../../lib/format/metadata.js';
import { handoverDoubts } from '../../lib/recovery/handover-doubts.js';
import {
  handedOver,
  handoverStages,
  isHandedOver,
  namedSource,
  namedStages,
} from '../../lib/recovery/handover-stages.js';
import { commonIndex, planRepair } from '../../lib/recovery/repair-plan.js';
import {
  groupsOf,
  overwriteOrder,
  type PlannedWrite,
  phasesOf,
  writableRoles,
} from '../../lib/store/commit/commit-plan.js';
import { SlotLedger } from '../../lib/store/commit/slot-ledger.js';
import { nextSequenceBase, sealedHeader } from '../../lib/store/examine/election.js';
import { type Findings, judgeCopies } from '../../lib/store/examine/examine.js';
import type { ValidSlot } from '../../lib/store/table/copies.js';
import { RemapTable } from '../../lib/store/table/remap-table.js';
import { drawnNow } from '../support/disk.js';
import { type Content, contentOf, copiesOf, type State } from './alphabet.js';
import type { SlotWrite, Step } from './crash-states.js';
import { added, addOptions, mainSectors, type Operation } from './operations.js';

export type Prediction =
  | { readonly refused: ErrorCode }
  | { readonly refused: undefined; readonly steps: readonly Step[] };

const geometry = geometries.driver;

const reportOf = (state: State, copy?: number): Findings => judgeCopies(copiesOf(state), drawnNow, copy);

const ledgerOf = (report: Findings, named: number | undefined) =>
  new SlotLedger(geometry, report.copies, named, report.now);

export function predict({ name, copy }: Operation, state: State): Prediction {
  switch (name) {
    case 'commit':
      return predictCommit(state, copy, true);
    case 'create':
      return predictCreate(state);
    case 'repair':
      return predictRepair(state, copy);
    case 'handover':
      return copy === undefined ? predictHandover(state) : predictNamedHandover(state, copy);
  }
}

function predictCommit(state: State, copy: number | undefined, adds: boolean): Prediction {
  const report = reportOf(state, copy);
  const { shown } = report;
  if (shown === null) return { refused: 'ERR_NO_METADATA' };
  if (copy === undefined && report.ambiguities.length > 0) return { refused: 'ERR_METADATA_AMBIGUOUS' };
  const base = nextSequenceBase(report.copies);
  if (base === u64Max) return { refused: state.length === 1 ? 'ERR_SINGLE_COPY' : 'ERR_SEQUENCE_EXHAUSTED' };
  const next = sequence(base + 1n);
  const key = `${contentAt(state, shown.copy).id} ${next} ${adds ? 'added' : 'same'}`;
  return commitWith(state, report, shown.copy, key, () => nextMetadata(shown, next, adds));
}

function predictCreate(start: State): Prediction {
  const highest = start.flatMap(({ slot }, copy) =>
    sealedHeader(slot)?.sequenceNumber === u64Max ? [copy] : [],
  );
  if (highest.length === 0) return createOn(start);
  if (start.some(({ slot }) => slot.state === 'valid')) return { refused: 'ERR_SEQUENCE_EXHAUSTED' };
  if (start.length === 1) return { refused: 'ERR_SINGLE_COPY' };
  const steps = invalidated(start, highest);
  const created = createOn(after(start, steps));
  if (created.refused !== undefined) return created;
  return { refused: undefined, steps: [{ kind: 'flush' }, ...steps, ...created.steps.slice(1)] };
}

function createOn(state: State): Prediction {
  const report = reportOf(state);
  const next = sequence(nextSequenceBase(report.copies) + 1n);
  const size = { mainSectors, spareSectors: BigInt(state.length * 256) as typeof mainSectors };
  const blank = () => blankMetadata({ ...size, timestampSeconds: drawnNow, sequence: next });
  return commitWith(state, report, report.elections.ours?.copy, `blank ${next} ${state.length}`, blank);
}

function predictRepair(state: State, copy: number | undefined): Prediction {
  const report = reportOf(state);
  const plan = planRepair(report, { copy });
  if (plan.code !== undefined) return { refused: plan.code };
  if (plan.mode === 'nothing') return { refused: undefined, steps: [{ kind: 'flush' }] };
  const at = plan.source?.copy as number;
  if (plan.mode === 'commit') {
    const committed = predictCommit(state, at, false);
    // The repair flushes for itself, and then the store does.
    return committed.refused === undefined
      ? { ...committed, steps: [{ kind: 'flush' }, ...committed.steps] }
      : committed;
  }
  const source = report.copies[at] as ValidSlot;
  const common = commonIndex(report, source);
  const order = plan.writes.map((write) => ({ ...write, last: write.copy === at }));
  const body = bodies(
    `${contentAt(state, at).id} again`,
    () => metadataOf(source.slot),
    (number) => common ?? number,
  );
  return { refused: undefined, steps: [{ kind: 'flush' }, ...write(state, order, body)] };
}

function predictHandover(state: State): Prediction {
  const report = reportOf(state);
  const { shown } = report;
  if (shown === null) return { refused: 'ERR_NO_METADATA' };
  if (handoverDoubts(report, shown).length > 0) return { refused: 'ERR_METADATA_AMBIGUOUS' };
  if (state.length === 1) return { refused: 'ERR_SINGLE_COPY' };
  const steps: Step[] = [{ kind: 'flush' }];
  if (isHandedOver(report, shown)) return { refused: undefined, steps };
  const changes = { sequenceNumber: sequence(1n), timestampSeconds: drawnNow };
  const body = bodies(`${contentAt(state, shown.copy).id} handed over`, () =>
    withHeader(metadataOf(shown.slot), changes),
  );
  const stages = handoverStages(report, shown);
  let held = [...state];
  for (const stage of [stages.strangers, stages.holders]) {
    if (stage.length === 0) continue;
    const ledger = ledgerOf(reportOf(held), shown.copy);
    const order = overwriteOrder(ledger.plan).filter((one) => stage.includes(one.copy));
    const written = write(held, order, body);
    held = after(held, written);
    steps.push(...written);
  }
  return { refused: undefined, steps };
}

function predictNamedHandover(state: State, copy: number): Prediction {
  const report = reportOf(state);
  let source: ValidSlot;
  try {
    source = namedSource(report, copy);
  } catch (error) {
    if (error instanceof DmremapError) return { refused: error.code };
    throw error;
  }
  if (state.length === 1) return { refused: 'ERR_SINGLE_COPY' };
  const steps: Step[] = [{ kind: 'flush' }];
  if (isHandedOver(report, source)) return { refused: undefined, steps };
  const changes = { sequenceNumber: handedOver, timestampSeconds: drawnNow };
  const body = bodies(`${contentAt(state, source.copy).id} handed over`, () =>
    withHeader(metadataOf(source.slot), changes),
  );
  const order = overwriteOrder(ledgerOf(report, source.copy).plan);
  const { bring, giveUp, rewrite, holders } = namedStages(report, source, order);
  let held = [...state];
  const take = (more: readonly Step[]) => {
    held = after(held, more);
    steps.push(...more);
  };
  take(write(held, bring === null ? [] : [bring], body));
  take(invalidated(held, giveUp));
  take(write(held, rewrite, body));
  take(write(held, holders, body));
  return { refused: undefined, steps };
}

/** One after the other. */
const invalidated = (state: State, copies: readonly number[]): Step[] =>
  copies.map((copy) => ({
    kind: 'writes',
    durable: true,
    writes: [{ slot: copy, to: disarmed(contentAt(state, copy)), isBody: false }],
  }));

function commitWith(
  state: State,
  report: Findings,
  named: number | undefined,
  key: string,
  metadata: () => Metadata,
): Prediction {
  const ledger = ledgerOf(report, named);
  if (ledger.copiesOf(...writableRoles).length === 1) return { refused: 'ERR_SINGLE_COPY' };
  const order = overwriteOrder(ledger.plan);
  return { refused: undefined, steps: [{ kind: 'flush' }, ...write(state, order, bodies(key, metadata))] };
}

/** The writes of an order, phase by phase. */
function write(state: State, order: readonly PlannedWrite[], body: (copy: number) => Content): Step[] {
  return groupsOf(phasesOf(order, order.length, false)).map((group) => ({
    kind: 'writes',
    durable: true,
    writes: group.map(
      ({ copy, kind }): SlotWrite =>
        kind === 'body'
          ? { slot: copy, to: body(copy), isBody: true }
          : { slot: copy, to: disarmed(contentAt(state, copy)), isBody: false },
    ),
  }));
}

/** What a state is once the steps are done. */
export function after(state: State, steps: readonly Step[]): Content[] {
  const held = [...state];
  for (const step of steps)
    if (step.kind === 'writes') for (const { slot, to } of step.writes) held[slot] = to;
  return held;
}

function nextMetadata({ slot }: ValidSlot, next: Sequence, adds: boolean): Metadata {
  const metadata = metadataOf(slot);
  const { mainDeviceSectors, spareDeviceSectors } = slot.header;
  const sizes = { mainSectors: mainDeviceSectors, spareSectors: spareDeviceSectors };
  const table = new RemapTable(sizes, slot.entries);
  if (adds) table.add(added, addOptions);
  return withEntries(metadata, [...table], {
    sequenceNumber: next,
    timestampSeconds: drawnNow,
    nextSpareSector: table.nextSpareSector ?? slot.header.nextSpareSector,
  });
}

const encoded = new Map<string, Content>();

/** The new bytes of each copy, made once for all states that lead to them. */
function bodies(
  key: string,
  metadata: () => Metadata,
  indexOf = (copy: number) => copy,
): (copy: number) => Content {
  return (copy) => {
    const full = `${key} ${indexOf(copy)}`;
    let content = encoded.get(full);
    if (content === undefined) {
      content = contentOf(encodeCopy(metadata(), indexOf(copy)));
      encoded.set(full, content);
    }
    return content;
  };
}

const disarmedBefore = new Map<Content, Content>();

function disarmed(content: Content): Content {
  let result = disarmedBefore.get(content);
  if (result === undefined) {
    result = contentOf(content.bytes.slice().fill(0, 0, 512));
    disarmedBefore.set(content, result);
  }
  return result;
}

const contentAt = (state: State, copy: number): Content => state[copy] as Content;
