// Room: store. The end of the sequence (format.md rule 6): no commit can rise above 2^64 - 1. The way on is the handover
// of a named table; where there is no table to hand over, what stands in the way is invalidated.
import { DmremapError } from '../../base/errors.js';
import { sequence, type UnixSeconds, u64Max } from '../../base/units.js';
import type { Device } from '../../device/device.js';
import { type GeometryName, geometries } from '../../format/geometry.js';
import { nextSequenceBase, sealedHeader } from '../examine/election.js';
import type { Report } from '../examine/examine.js';
import { inspect } from '../examine/inspect.js';
import { numbersOf, type SlotCopy, validCopies } from '../table/copies.js';
import type { CopyOutcome } from './commit-report.js';
import { invalidateCopies } from './invalidate.js';
import { readBack } from './read-back.js';

/** Whether no commit can be made: a copy whose magic, version and checksum hold has the highest sequence. */
export const isExhausted = (copies: readonly SlotCopy[]): boolean => nextSequenceBase(copies) >= u64Max;

/** What is wrong, and the way on. @param copy whose table is to stay, where that is known. */
export const exhaustedText = (copy: number | undefined): string =>
  `the sequence is ${u64Max}, and no commit can rise above it: the handover of a named copy starts again at sequence 1 ` +
  `(handover --use copy=${copy ?? 'N'})`;

/** The refusal of a commit. */
export const sequenceExhausted = (path: string, copy: number | undefined): DmremapError =>
  new DmremapError('ERR_SEQUENCE_EXHAUSTED', `${path}: ${exhaustedText(copy)}`);

/**
 * For what writes a table that comes from elsewhere. Where no copy is valid there is no table that a handover could take: what
 * has the highest sequence is rejected by everybody, and is invalidated, durably, before anything else is written.
 * @returns the report to go on from, and what was done: for the commit's own report, should it fail.
 * @throws DmremapError ERR_SEQUENCE_EXHAUSTED where a copy is valid, ERR_SINGLE_COPY; CommitError of the invalidation.
 */
export async function withSequenceLeft(
  device: Device,
  report: Report,
  options: {
    readonly geometry: GeometryName;
    readonly now: UnixSeconds;
    readonly allowUnsafe: boolean | undefined;
    readonly signal: AbortSignal;
  },
): Promise<{ readonly report: Report; readonly earlier?: readonly CopyOutcome[] }> {
  const { copies, elections } = report;
  if (!isExhausted(copies)) return { report };
  if (validCopies(copies).length > 0) throw sequenceExhausted(device.info.path, elections.ours?.copy);
  const fitting = copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (fitting === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  const highest = copies.filter(({ slot }) => sealedHeader(slot)?.sequenceNumber === u64Max);
  const { geometry, now, signal } = options;
  const earlier = await invalidateCopies({
    device,
    geometry: geometries[geometry],
    slots: copies,
    copies: numbersOf(highest),
    finds: 'old',
    signal,
  });
  const done = { sequence: sequence(1), copies: earlier, finds: 'old', degraded: [] } as const;
  return { report: await readBack(done, () => inspect(device, { geometry, now, signal })), earlier };
}
