// Room: store. Carries out a plan: phase by phase through the device's ordered batch, and on past a copy that fails.
// It knows phases and outcomes; what the bytes mean is known elsewhere.
import { type DmremapError, type ErrorCode, OperationError, type Outcome } from '../base/errors.js';
import type { ByteOffset } from '../base/units.js';
import { BatchError, type Device, type WriteReport, type WriteStep } from '../device/device.js';
import { type PlannedWrite, phasesOf } from './commit-plan.js';
import type { CopyOutcome } from './commit-report.js';

export interface WriteJob {
  readonly device: Device;
  readonly order: readonly PlannedWrite[];
  readonly offsetOf: (copy: number) => ByteOffset;
  readonly bytesOf: (copy: number) => Uint8Array;
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

type Part = { readonly write: PlannedWrite; readonly kind: 'disarm' | 'body' };

export async function writeCopies({
  device,
  order,
  offsetOf,
  bytesOf,
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
    const { parts, groups } = batchOf(
      phasesOf(left, left.length + durable(), durable() > 0),
      device,
      offsetOf,
      bytesOf,
    );
    try {
      await device.writeOrdered(groups, { signal });
      apply(outcomes, parts, undefined);
      break;
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      if (!(error instanceof BatchError)) {
        return { copies: [...outcomes.values()], stopped: error, failed, drained: settled(outcomes) };
      }
      const given = ends(error);
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

const endings: readonly ErrorCode[] = ['ABORT_ERR', 'ERR_TIMEOUT', 'ERR_DEVICE_CLOSED', 'ERR_STORE_CLOSED'];
const ends = (error: DmremapError): boolean => endings.includes(error.code);

/** A phase is one group, or two where something in it is disarmed first. */
function batchOf(
  phases: readonly (readonly PlannedWrite[])[],
  device: Device,
  offsetOf: WriteJob['offsetOf'],
  bytesOf: WriteJob['bytesOf'],
) {
  const parts: Part[] = [];
  const groups: WriteStep[][] = [];
  const zeros = new Uint8Array(device.info.logicalBlockSize);
  for (const phase of phases) {
    const disarmed = phase.filter(({ disarm }) => disarm);
    if (disarmed.length > 0) {
      groups.push(disarmed.map(({ copy }) => ({ offset: offsetOf(copy), bytes: zeros })));
      parts.push(...disarmed.map((write) => ({ write, kind: 'disarm' }) as const));
    }
    groups.push(phase.map(({ copy }) => ({ offset: offsetOf(copy), bytes: bytesOf(copy) })));
    parts.push(...phase.map((write) => ({ write, kind: 'body' }) as const));
  }
  return { parts, groups };
}

/**
 * Writes the device's reports into the outcomes; no reports: everything succeeded. While writes may still land, an
 * unknown outcome has no reason yet; later one without an errno was short.
 */
function apply(
  outcomes: Map<number, CopyOutcome>,
  parts: readonly Part[],
  writes: readonly WriteReport[] | undefined,
  mayLand = false,
): void {
  parts.forEach(({ write: { copy }, kind }, at) => {
    const before = outcomes.get(copy);
    if (before === undefined) return;
    const outcome: Outcome = writes === undefined ? 'written' : (writes[at]?.outcome ?? 'unknown');
    const errno = writes?.[at]?.errno;
    const short = outcome === 'unknown' && errno === undefined && !mayLand ? 'short write' : undefined;
    const reason = errno === 'ECANCELED' ? before.reason : (errno ?? short ?? before.reason);
    if (kind === 'body') outcomes.set(copy, { ...before, outcome, reason });
    else outcomes.set(copy, { ...before, disarmed: before.disarmed || outcome !== 'untouched', reason });
  });
}
