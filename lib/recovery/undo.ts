// Room: recovery. Puts a saved region back, byte for byte. It decides nothing: the plan is undo-plan.ts, and whether it may
// be done is asked before.
import type { CancelOptions } from '../base/cancellable.js';
import { DmremapError, OperationError } from '../base/errors.js';
import type { UnixSeconds } from '../base/units.js';
import { BatchError, type Device, type WriteReport } from '../device/device.js';
import { geometries, metadataRegionBytes } from '../format/geometry.js';
import { slotBytes } from '../format/structure.js';
import { claimDevice } from '../store/commit/device-claims.js';
import { type Region, readRegion } from './region.js';
import { undoGroups } from './undo-plan.js';

type UndoGroups = ReturnType<typeof undoGroups>;

/** What is put back, and onto what. */
interface PutBack {
  /** The region as it was saved. */
  readonly target: Uint8Array;
  /** The region as it is. */
  readonly found: Region;
  /** Copies that were not saved, and are left as they are. */
  readonly leave: readonly number[];
}

/** The region as it will be: as saved, and as it is where a copy was not saved. */
export function putBackResult({ target, found, leave }: PutBack): Uint8Array {
  const result = target.slice();
  for (const copy of leave) {
    const at = copy * slotBytes;
    result.set(found.bytes.subarray(at, at + slotBytes), at);
  }
  return result;
}

/**
 * Writes, reads everything again, and proves that it is what was saved. What is interrupted goes on when it is done again:
 * each group is durable before the next, and what is on the spare meanwhile is in undo-plan.ts.
 *
 * Rejections: BatchError where an abort or a write error ends it; ERR_IO where something reads back otherwise; those of
 * `claimDevice` with nothing written.
 */
export async function putBack(
  device: Device,
  job: PutBack,
  now: UnixSeconds,
  limits: () => CancelOptions,
): Promise<Region> {
  const { target, found, leave } = job;
  const groups = undoGroups(found.bytes, target, {
    blockBytes: device.info.logicalBlockSize,
    now,
    leave,
    unreadable: found.missing.map(({ copy }) => copy),
  });
  if (groups.length === 0) return found;
  const unclaim = claimDevice(device, geometries.driver);
  try {
    if (device.info.kind === 'file') await device.allocate(metadataRegionBytes);
    await device.writeOrdered(groups, limits());
  } catch (error) {
    if (!(error instanceof BatchError) || error.outcome === 'untouched') throw error;
    throw new BatchError(error.code, `${error.message}; the same command again goes on from there`, {
      cause: error.cause,
      errno: error.errno,
      writes: error.writes,
      drained: new Promise((resolve) => error.whenDrained(resolve)),
      hold: () => void error.drained,
    });
  } finally {
    unclaim();
  }
  const after = await readRegion(device, limits).catch((error) => {
    throw error instanceof OperationError ? notReadBack(error, groups) : error;
  });
  const unread = after.missing.filter(({ copy }) => !leave.includes(copy));
  if (unread.length === 0 && Buffer.compare(after.bytes, putBackResult(job)) === 0) return after;
  const message = `${device.info.path}: it reads back otherwise than it was written; the same command again tries it again`;
  throw new DmremapError('ERR_COMMIT_PARTIAL', message);
}

/** An abort of the reading must not look as if nothing had been written. */
function notReadBack(
  { code, message, cause, errno }: OperationError<unknown>,
  groups: UndoGroups,
): BatchError {
  const writes = groups.flatMap((steps, group) =>
    steps.map(({ offset, bytes }): WriteReport => {
      return { group, offset, length: bytes.length, outcome: 'written', errno: undefined };
    }),
  );
  const words = `${message}; everything was put back, but not read back`;
  return new BatchError(code, words, { cause, errno, writes, drained: Promise.resolve(writes) });
}
