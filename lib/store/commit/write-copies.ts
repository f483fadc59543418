// Room: store. Carries out a plan: phase by phase through the device's ordered batch, and on past a copy that fails.
// It knows phases and outcomes; what the bytes mean is known elsewhere.
import { isAbortCode } from '../../base/cancellable.js';
import { OperationError, type Outcome } from '../../base/errors.js';
import { type ByteOffset, byteOffset } from '../../base/units.js';
import {
  BatchError,
  type Device,
  overallOutcome,
  type WriteReport,
  type WriteStep,
} from '../../device/device.js';
import { drainedOf } from '../../device/doubts.js';
import { allOf, faultOf, isProvenUntouched, writesProven } from '../../device/evidence.js';
import { slotBytes } from '../../format/structure.js';
import type { Piece } from '../../format/update.js';
import { groupsOf, type PlannedPart, type PlannedWrite, phasesOf } from './commit-plan.js';
import type { CopyOutcome } from './commit-report.js';

interface WriteJob {
  readonly device: Device;
  readonly order: readonly PlannedWrite[];
  readonly offsetOf: (copy: number) => ByteOffset;
  /** What is written to a slot, all of it in one group. */
  readonly piecesOf: (copy: number) => readonly Piece[];
  /** Ends at the first write error instead of going on with the other copies. */
  readonly stopAtError: boolean;
  readonly signal: AbortSignal;
}

interface WriteResult {
  /** Of the planned copies, in no order. */
  readonly copies: readonly CopyOutcome[];
  /** What ended the job early: an abort, a closed device, one that is gone, a full queue. A write error alone does not. */
  readonly stopped: BatchError | undefined;
  /** The last write error, where there was one. */
  readonly failed: BatchError | undefined;
  /** All of them: what each of them has left in flight ends by itself. */
  readonly errors: readonly BatchError[];
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
  const tries: Try[] = [];
  const isOpen = (copy: number) => device.isUnsettled(offsetOf(copy), slotBytes);
  const result = (stopped?: BatchError): WriteResult => {
    const errors = tries.map(({ error }) => error);
    const copies = [...outcomes.values()];
    const failed = stopped === undefined ? errors.at(-1) : errors.at(-2);
    return { copies, stopped, failed, errors, drained: finalOf(outcomes, tries) };
  };
  let left = order;

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
    } catch (thrown) {
      const error = batchErrorOf(thrown, steps);
      tries.push({ parts, error });
      const given = isAbortCode(error.code);
      apply(outcomes, parts, error.writes, (copy) => given || isOpen(copy));
      // No other copy can be written to a device that is gone.
      if (given || error.code === 'ERR_DEVICE_VANISHED') return result(error);
      if (stopAtError) break;
      // Whatever was tried and did not succeed is not tried again.
      const rest = left.filter(({ copy }) => {
        const { outcome, disarmed, reason } = outcomes.get(copy) ?? {};
        return outcome === 'untouched' && reason === undefined && !(disarmed && isOpen(copy));
      });
      if (rest.length === left.length) return result(error);
      left = rest;
    }
  }
  return result();
}

/** One call to the device that has failed. */
interface Try {
  readonly parts: readonly PlannedPart[];
  readonly error: BatchError;
}

/** Of what each of them has left in doubt the final outcome; the rest is known. */
async function finalOf(
  outcomes: ReadonlyMap<number, CopyOutcome>,
  tries: readonly Try[],
): Promise<readonly CopyOutcome[]> {
  const ended = tries.map(
    ({ error }) => new Promise<readonly WriteReport[]>((resolve) => error.whenDrained(resolve)),
  );
  const known = new Map(outcomes);
  for (const [at, writes] of (await Promise.all(ended)).entries()) {
    const { parts, error } = tries[at] as Try;
    const doubtful = new Map(
      [...known].filter(([copy]) =>
        parts.some((part, step) => part.copy === copy && reportOf(error.writes, step).outcome === 'unknown'),
      ),
    );
    apply(doubtful, parts, writes);
    for (const [copy, outcome] of doubtful) known.set(copy, outcome);
  }
  return [...known.values()];
}

/** A device may reject with an error of the whole: then what that proves is true of each write. */
function batchErrorOf(thrown: unknown, steps: readonly (readonly WriteStep[])[]): BatchError {
  if (thrown instanceof BatchError) return thrown;
  const { code, message, errno } = faultOf(thrown);
  //  Of ours, or of one that is guarded: what it says is true of all.
  const writes = isProvenUntouched(thrown) ? allOf(steps, 'untouched') : writesProven(thrown, steps);
  const cause = thrown instanceof OperationError ? thrown.cause : thrown;
  const drained = Promise.resolve(drainedOf(thrown)).then(() => writes);
  return new BatchError(code, message, { cause, errno, writes, drained });
}
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
  mayLand: (copy: number) => boolean = () => false,
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
    const why = failed && !mayLand(copy) ? cut : before.reason;
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
