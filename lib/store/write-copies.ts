// Room: store. Carries out a plan: phase by phase through the device's ordered batch, and on past a copy that fails.
// It knows phases and outcomes; what the bytes mean is known elsewhere.
import { isAbortCode } from '../base/cancellable.js';
import { OperationError, type Outcome } from '../base/errors.js';
import { type ByteOffset, byteOffset } from '../base/units.js';
import {
  BatchError,
  type Device,
  overallOutcome,
  type WriteReport,
  type WriteStep,
} from '../device/device.js';
import type { Piece } from '../format/update.js';
import { groupsOf, type PlannedPart, type PlannedWrite, phasesOf } from './commit-plan.js';
import type { CopyOutcome } from './commit-report.js';

export interface WriteJob {
  readonly device: Device;
  readonly order: readonly PlannedWrite[];
  readonly offsetOf: (copy: number) => ByteOffset;
  /** What is written to a slot, all of it in one group. */
  readonly piecesOf: (copy: number) => readonly Piece[];
  /** Ends at the first write error instead of going on with the other copies. */
  readonly stopAtError: boolean;
  readonly signal: AbortSignal;
}

export interface WriteResult {
  /** Of the planned copies, in no order. */
  readonly copies: readonly CopyOutcome[];
  /** What ended the job early: an abort, a closed device, a full queue. A write error alone does not. */
  readonly stopped: OperationError<unknown> | undefined;
  /** The last write error, where there was one. */
  readonly failed: OperationError<unknown> | undefined;
  /** The final outcomes. Resolves when nothing is in flight. */
  readonly drained: Promise<readonly CopyOutcome[]>;
}

export async function writeCopies({
  device,
  order,
  offsetOf,
  piecesOf,
  stopAtError,
  signal,
}: WriteJob): Promise<WriteResult> {
  const outcomes = new Map<number, CopyOutcome>(
    order.map(({ copy }) => [copy, { copy, outcome: 'untouched', disarmed: false, reason: undefined }]),
  );
  const durable = () => Array.from(outcomes.values()).filter(({ outcome }) => outcome === 'written').length;
  let left = order;
  let failed: OperationError<unknown> | undefined;

  while (left.length > 0) {
    // The last good copy waits for a durable new one, whatever else has failed. With one slot in all there is no other.
    if (left[0]?.last && durable() === 0 && order.length > 1) break;
    // A copy whose write has failed is no copy at rest: phases get smaller with it.
    const phases = phasesOf(left, left.length + durable(), durable() > 0);
    const { parts, steps } = stepsOf(groupsOf(phases), device, offsetOf, piecesOf);
    try {
      await device.writeOrdered(steps, { signal });
      applyWritten(outcomes, parts);
      break;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      if (!(error instanceof BatchError)) {
        return { copies: [...outcomes.values()], stopped: error, failed, drained: settled(outcomes) };
      }
      const given = isAbortCode(error.code);
      apply(outcomes, parts, error.writes, given);
      if (given) {
        const drained = new Promise<readonly CopyOutcome[]>((resolve) => {
          error.whenDrained((writes) => {
            const final = new Map(outcomes);
            apply(final, parts, writes);
            resolve([...final.values()]);
          });
        });
        return { copies: [...outcomes.values()], stopped: error, failed, drained };
      }
      failed = error;
      if (stopAtError) break;
      // Whatever was tried and did not succeed is not tried again.
      const rest = left.filter(({ copy }) => {
        const { outcome, reason } = outcomes.get(copy) ?? {};
        return outcome === 'untouched' && reason === undefined;
      });
      if (rest.length === left.length) {
        return { copies: [...outcomes.values()], stopped: error, failed, drained: settled(outcomes) };
      }
      left = rest;
    }
  }
  return { copies: [...outcomes.values()], stopped: undefined, failed, drained: settled(outcomes) };
}

const settled = (outcomes: Map<number, CopyOutcome>) => Promise.resolve([...outcomes.values()]);

/** The steps of the groups, and which part each of them belongs to. */
function stepsOf(
  groups: readonly (readonly PlannedPart[])[],
  device: Device,
  offsetOf: WriteJob['offsetOf'],
  piecesOf: WriteJob['piecesOf'],
) {
  const zeros = (): Piece[] => [{ offset: 0, bytes: new Uint8Array(device.info.logicalBlockSize) }];
  const parts: PlannedPart[] = [];
  const steps = groups.map((group) => {
    const together: WriteStep[] = [];
    for (const part of group) {
      const start = offsetOf(part.copy);
      for (const { offset, bytes } of part.kind === 'disarm' ? zeros() : piecesOf(part.copy)) {
        together.push({ offset: byteOffset(start + BigInt(offset)), bytes });
        parts.push(part);
      }
    }
    return together;
  });
  return { parts, steps };
}

/** Everything succeeded. */
function applyWritten(outcomes: Map<number, CopyOutcome>, parts: readonly PlannedPart[]): void {
  for (const { copy, kind } of parts) {
    const before = outcomes.get(copy) as CopyOutcome;
    if (kind === 'disarm') outcomes.set(copy, { ...before, disarmed: true });
    else if (before.outcome !== 'written') outcomes.set(copy, { ...before, outcome: 'written' });
  }
}

/**
 * Writes the device's reports into the outcomes. While writes may still land, an unknown outcome has no reason yet; later
 * one without an errno was short, or torn by an abort.
 */
function apply(
  outcomes: Map<number, CopyOutcome>,
  parts: readonly PlannedPart[],
  writes: readonly WriteReport[],
  mayLand = false,
): void {
  for (const [copy, before] of outcomes) {
    const of = (kind: PlannedPart['kind']) =>
      parts.flatMap((part, at) => (part.copy === copy && part.kind === kind ? [reportOf(writes, at)] : []));
    const [disarms, bodies] = [of('disarm'), of('body')];
    if (bodies.length === 0) continue;
    const outcome = overallOutcome(bodies);
    const errno = [...bodies, ...disarms].find(
      (part) => part.errno !== undefined && part.errno !== 'ECANCELED',
    );
    const isCut = ({ outcome: of }: { readonly outcome: Outcome }) => of === 'unknown';
    const cut = [...bodies, ...disarms].some(isCut) ? 'short write' : 'torn';
    const failed = outcome === 'unknown' || disarms.some(isCut);
    const why = failed && !mayLand ? cut : before.reason;
    outcomes.set(copy, {
      copy,
      outcome,
      disarmed: before.disarmed || disarms.some((part) => part.outcome !== 'untouched'),
      reason: errno?.errno ?? why,
    });
  }
}

const reportOf = (writes: readonly WriteReport[], at: number): Pick<WriteReport, 'outcome' | 'errno'> =>
  writes[at] ?? { outcome: 'unknown', errno: undefined };
