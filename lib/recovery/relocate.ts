// Room: recovery. Moves data out of the metadata region (format.md rule 14): each sector is written durably to a free
// place, read back and compared; then one commit names the new places. What goes where, and in which order the slots are
// overwritten, is decided in relocate-plan.ts.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { DmremapError, OperationError } from '../base/errors.js';
import { byteOffset, clockSeconds, type Sequence, sectorsIn, sequence } from '../base/units.js';
import { BatchError, type Device, type WriteStep } from '../device/device.js';
import { geometries, metadataRegionBytes } from '../format/geometry.js';
import { metadataOf, withEntries } from '../format/metadata.js';
import { futureToleranceSeconds } from '../format/structure.js';
import { ambiguityText, refuseUnreadable } from '../store/commit/admission.js';
import { CommitError, type CommitReport, type CopyOutcome } from '../store/commit/commit-report.js';
import { foundBefore, runCommit } from '../store/commit/commit-run.js';
import { claimDevice, giveOutSequence, lastSequenceOf } from '../store/commit/device-claims.js';
import { isExhausted, sequenceExhausted } from '../store/commit/exhausted.js';
import { readBack } from '../store/commit/read-back.js';
import { SlotLedger } from '../store/commit/slot-ledger.js';
import { withTarget } from '../store/examine/device-or-path.js';
import { nextSequenceBase } from '../store/examine/election.js';
import type { Findings, Report } from '../store/examine/examine.js';
import { inspect, inspectForWriting } from '../store/examine/inspect.js';
import { checkStoreOptions, type OpenStoreOptions } from '../store/store-options.js';
import { RemapTable } from '../store/table/remap-table.js';
import type { ByteRange } from './region.js';
import {
  bytesToMove,
  type Move,
  placeSectors,
  planRelocation,
  type RelocateOptions,
  type RelocationPlan,
} from './relocate-plan.js';

export interface RelocateRunOptions
  extends RelocateOptions,
    Pick<OpenStoreOptions, 'copy' | 'direct' | 'now' | 'signal' | 'timeoutMs' | 'window'> {
  /** Writes. Without it the plan is made, from a device that is only read. */
  readonly apply?: boolean | undefined;
}

export interface RelocateReport {
  readonly plan: RelocationPlan;
  readonly before: Report;
  /** What was written; null where nothing was. */
  readonly commit: CommitReport | null;
  /** What was read afterwards; null where nothing was written. */
  readonly after: Report | null;
}

const placeBytes = placeSectors * 512;
/** Data writes that are in flight together. */
const writesAtOnce = 32;

/**
 * Moves the data of remapped sectors out of the metadata region, and commits a table that names the new places.
 *
 * Rejections: those of `openDevice`; CommitError as of a commit, and where the data could not be written or reads back
 * otherwise: then no copy was touched; with nothing written ERR_NO_METADATA, ERR_COPY_NOT_VALID, ERR_METADATA_AMBIGUOUS,
 * ERR_IO where a copy cannot be read, ERR_UNALIGNED where logical blocks are larger than a place, ERR_TABLE_FULL and
 * ERR_SPARE_EXHAUSTED, ERR_DATA_IN_METADATA, ERR_SINGLE_COPY, ERR_SEQUENCE_EXHAUSTED. Without `apply` a refusal that
 * depends on the table is in the plan.
 */
export function relocate(
  target: string | Device,
  options: RelocateRunOptions = {},
): Cancellable<RelocateReport> {
  return cancellableAsync(options, async (signal) => {
    checkStoreOptions(options);
    const { apply = false, copy, window } = options;
    const now = options.now ?? clockSeconds;
    const direct = apply ? options.direct : (options.direct ?? 'prefer');
    const mode = apply ? 'write' : 'read';
    return withTarget(target, { mode, direct, window, signal, keep: false }, async (device) => {
      const unclaim = apply ? claimDevice(device, geometries.driver) : undefined;
      try {
        const look = apply ? inspectForWriting : inspect;
        const before = await look(device, { geometry: 'driver', now: now(), copy, signal });
        const plan = planFor(device, before, options);
        if (!apply || (plan.moves.length === 0 && plan.refusal === null)) {
          return { plan, before, commit: null, after: null };
        }
        if (plan.refusal !== null) throw plan.refusal;
        const commit = await carryOut(device, before, plan, signal);
        const again = () => inspect(device, { geometry: 'driver', now: now(), signal });
        return { plan, before, commit, after: await readBack(commit, again) };
      } finally {
        unclaim?.();
      }
    });
  });
}

/** The plan for a device, with every refusal in it. */
export function planFor(
  device: Device,
  report: Report,
  options: RelocateOptions & { readonly copy?: number | undefined },
): RelocationPlan {
  const plan = planRelocation(report, sectorsIn(device.info.sizeBytes), options);
  const refusal = whyNot(device, report, plan, options.copy) ?? plan.refusal;
  return { ...plan, refusal };
}

function whyNot(
  { info }: Device,
  report: Report,
  { source, moves }: RelocationPlan,
  copy: number | undefined,
): DmremapError | null {
  const { path } = info;
  if (source === null) {
    const why = report.activation.reasons.join(' ');
    return new DmremapError('ERR_NO_METADATA', `${path}: no copy can be used. ${why}`.trim());
  }
  if (copy === undefined && report.ambiguities.length > 0) {
    return new DmremapError('ERR_METADATA_AMBIGUOUS', `${path}: ${ambiguityText(report)}`);
  }
  if (moves.length === 0) return null;
  if (placeBytes % info.logicalBlockSize !== 0) {
    const message = `${path}: its logical blocks have ${info.logicalBlockSize} bytes, and a place has ${placeBytes}`;
    return new DmremapError('ERR_UNALIGNED', message);
  }
  if (isExhausted(report.copies)) return sequenceExhausted(path, source.copy);
  try {
    refuseUnreadable(path, report);
    return null;
  } catch (error) {
    if (error instanceof DmremapError) return error;
    throw error;
  }
}

/** What a relocation reads and writes behind the region. */
export const rangesBehind = ({ moves }: Pick<RelocationPlan, 'moves'>): ByteRange[] => [
  ...(moves.some(reachesBehind) ? [{ offset: metadataRegionBytes, length: placeBytes }] : []),
  ...moves.map(({ to }) => ({ offset: Number(to) * 512, length: placeBytes })),
];

const reachesBehind = ({ from }: Move): boolean => (Number(from) + placeSectors) * 512 > metadataRegionBytes;

async function carryOut(
  device: Device,
  before: Report,
  plan: RelocationPlan,
  signal: AbortSignal,
): Promise<CommitReport> {
  const { source, entries, order, moves } = plan;
  if (source === null) throw new Error('a plan without a source');
  const base = nextSequenceBase(before.copies);
  const givenOut = lastSequenceOf(device);
  const next = sequence((base > givenOut ? base : givenOut) + 1n);
  giveOutSequence(device, next);
  const content = metadataOf(source.slot);
  const ledger = new SlotLedger(geometries.driver, before.copies, source.copy, before.now, content);

  const steps = await stepsOf(device, before, moves, signal);
  await writeData(device, steps, signal, (error) => asCommitError(error, next, before, foundBefore(ledger)));

  const { header } = content;
  const { mainDeviceSectors: mainSectors, spareDeviceSectors: spareSectors, timestampSeconds } = header;
  //  format.md rule 6: never a time that the driver would reject, and never one that goes back without need.
  const isAhead = timestampSeconds > before.now && timestampSeconds <= before.now + futureToleranceSeconds;
  const metadata = withEntries(content, entries, {
    sequenceNumber: next,
    timestampSeconds: isAhead ? timestampSeconds : before.now,
    nextSpareSector:
      new RemapTable({ mainSectors, spareSectors }, entries).nextSpareSector ?? header.nextSpareSector,
  });
  return runCommit({ device, ledger, metadata, indexOf: (copy) => copy, fresh: false, order, signal });
}

async function stepsOf(
  device: Device,
  before: Findings,
  moves: readonly Move[],
  signal: AbortSignal,
): Promise<WriteStep[]> {
  const behind = moves.some(reachesBehind)
    ? await device.read(BigInt(metadataRegionBytes), placeBytes, { signal })
    : new Uint8Array(placeBytes);
  return moves.map((move) => ({
    offset: byteOffset(move.to * 512n),
    bytes: bytesToMove(before, move, behind),
  }));
}

/** Writes, durably, and reads back from the device. */
async function writeData(
  device: Device,
  steps: readonly WriteStep[],
  signal: AbortSignal,
  failure: (error: unknown) => unknown,
): Promise<void> {
  const groups = Array.from({ length: Math.ceil(steps.length / writesAtOnce) }, (_, at) =>
    steps.slice(at * writesAtOnce, (at + 1) * writesAtOnce),
  );
  try {
    await device.writeOrdered(groups, { signal });
    for (const { offset, bytes } of steps) {
      if (Buffer.compare(await device.read(offset, bytes.length, { signal }), bytes) === 0) continue;
      const message = `the data at sector ${offset / 512n} reads back otherwise than it was written`;
      throw new DmremapError('ERR_COMMIT_PARTIAL', message);
    }
  } catch (error) {
    throw failure(error);
  }
}

/** Free places were written, and no copy: what a reader finds is the old table, with its data where it was. */
function asCommitError(
  error: unknown,
  next: Sequence,
  { copies: slots }: Findings,
  finds: CommitReport['finds'],
): unknown {
  if (!(error instanceof DmremapError)) return error;
  const copies = slots.map(({ copy, slot }): CopyOutcome => {
    const reason = slot.state === 'absent' ? 'absent' : undefined;
    return { copy, outcome: 'untouched', disarmed: false, reason };
  });
  const final = { copies, finds };
  const inFlight = error instanceof OperationError ? error : undefined;
  return new CommitError(error.code, `${error.message}${placeText(error)}; no copy was touched`, {
    cause: error,
    errno: error.errno,
    sequence: next,
    copies,
    finds,
    drained: new Promise((resolve) => {
      if (inFlight === undefined) resolve(final);
      else inFlight.whenDrained(() => resolve(final));
    }),
    hold: inFlight && (() => void inFlight.drained),
  });
}

/** Which place it was, as a sector. */
function placeText(error: DmremapError): string {
  const failed = error instanceof BatchError && error.writes.find(({ errno }) => errno === error.errno);
  return failed && error.errno !== undefined ? `, of the free place at sector ${failed.offset / 512n}` : '';
}
