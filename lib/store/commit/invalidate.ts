// Room: store. Invalidates copies without writing new ones: the first logical block of each slot is zeroed, one slot after the
// other, each durable before the next. What they held is no copy any more, to us and to the module.
import { type Sequence, sequence } from '../../base/units.js';
import type { Device } from '../../device/device.js';
import type { Geometry } from '../../format/geometry.js';
import type { SlotCopy } from '../table/copies.js';
import { CommitError, type CopyOutcome, type Finds, withEarlier } from './commit-report.js';
import { holesFilled } from './holes.js';
import { writeCopies } from './write-copies.js';

interface InvalidateJob {
  readonly device: Device;
  readonly geometry: Geometry;
  /** All slots, for the report. */
  readonly slots: readonly SlotCopy[];
  /** In this order. */
  readonly copies: readonly number[];
  /** What a reader finds while it is done. */
  readonly finds: Finds;
  /** The sequence that is written afterwards, for the report. Default 1. */
  readonly sequence?: Sequence;
  /** What was done before as a part of the same work. */
  readonly earlier?: readonly CopyOutcome[] | undefined;
  readonly signal: AbortSignal;
}

/**
 * Rejections: those of `Device.allocate`, with nothing written; CommitError where an abort or a write error ends it, with the copies that are invalidated by then as `disarmed`.
 * @returns five rows: what is known of each copy.
 */
export async function invalidateCopies(job: InvalidateJob): Promise<readonly CopyOutcome[]> {
  const { device, geometry, slots, copies, finds, signal } = job;
  const zeros = new Uint8Array(device.info.logicalBlockSize);
  const zeroed = new Map<number, CopyOutcome>();
  const rows = (last: readonly CopyOutcome[]): readonly CopyOutcome[] => {
    const own = slots.map(({ copy, slot }) => {
      const absent = slot.state === 'absent' ? 'absent' : undefined;
      const zeros = last.find((one) => one.copy === copy) ?? zeroed.get(copy);
      const disarmed = zeros !== undefined && zeros.outcome !== 'untouched';
      return { copy, outcome: 'untouched', disarmed, reason: zeros?.reason ?? absent } as const;
    });
    return withEarlier(own, job.earlier);
  };
  await holesFilled(device, signal);
  for (const copy of copies) {
    const result = await writeCopies({
      device,
      order: [{ copy, disarm: false, last: false }],
      offsetOf: (number) => geometry.slots[number] as (typeof geometry.slots)[number],
      piecesOf: () => [{ offset: 0, bytes: zeros }],
      stopAtError: true,
      signal,
    });
    const error = result.stopped ?? result.failed;
    if (error === undefined) {
      for (const outcome of result.copies) zeroed.set(outcome.copy, outcome);
      continue;
    }
    const code = result.stopped?.code ?? 'ERR_COMMIT_PARTIAL';
    throw new CommitError(code, `${error.message}; copy ${copy} could not be invalidated`, {
      cause: result.stopped === undefined ? error : error.cause,
      errno: error.errno,
      sequence: job.sequence ?? sequence(1),
      copies: rows(result.copies),
      finds,
      drained: result.drained.then((final) => ({ copies: rows(final), finds })),
      hold: () => void error.drained,
    });
  }
  return rows([]);
}
