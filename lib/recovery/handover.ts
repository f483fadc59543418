// Room: recovery. Makes a spare ready for the kernel module (format section 6 rule 11). It will write sequence 2 next,
// and after a power cut our higher sequence would win over its newer table: so the elected table is rewritten with
// sequence 1 on every copy.
//
// The order decides. Whatever is not the elected table goes first, is read back, and the first write error ends it: a stale
// copy of sequence 6 that is still there would win over sequence 1. From then on each crash state holds one table.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { clockSeconds, sequence } from '../base/units.js';
import type { Device } from '../device/device.js';
import { geometries } from '../format/geometry.js';
import { metadataOf, withHeader } from '../format/metadata.js';
import { ambiguityText, refuseDataInMetadata, refuseUnreadable } from '../store/admission.js';
import { overwriteOrder } from '../store/commit-plan.js';
import { CommitError, type CommitReport } from '../store/commit-report.js';
import { runCommit } from '../store/commit-run.js';
import { numbersOf, type SlotCopy, type ValidSlot } from '../store/copies.js';
import { claimDevice } from '../store/device-claims.js';
import type { Findings, Report } from '../store/examine.js';
import { inspect, inspectForWriting } from '../store/inspect.js';
import { SlotLedger } from '../store/slot-ledger.js';
import { checkStoreOptions, type StoreOptions } from '../store/store-options.js';
import { sameButIndex, sameTable } from '../store/table.js';
import { withTarget } from '../store/target.js';
import { copiesText } from '../store/words.js';
import { handoverDoubts } from './handover-doubts.js';
import { readBack } from './read-back.js';

export interface HandoverOptions extends Omit<StoreOptions, 'spacing'> {
  /** Hands over even where only one copy can be written. */
  readonly allowUnsafe?: boolean | undefined;
  /** Hands over although live entries have their data inside the metadata region, which the write may destroy. */
  readonly allowDataInMetadata?: boolean | undefined;
}

export interface HandoverReport {
  readonly before: Report;
  /** What was written; null where every copy holds sequence 1 of one table already. */
  readonly commit: CommitReport | null;
  readonly after: Report;
}

const handedOver = sequence(1);

/**
 * Rewrites all copies of the elected table with sequence 1 and a current timestamp, then reads them again.
 *
 * Rejections: those of `openDevice`; CommitError where an abort or a write error ends it (run it again: until the last
 * write the old sequence wins, with the same table); ERR_NO_METADATA; ERR_METADATA_AMBIGUOUS where tables differ and more
 * than one could be right; ERR_IO where a copy cannot be read, since it could hold a higher sequence; ERR_SINGLE_COPY,
 * ERR_DATA_IN_METADATA.
 */
export function handover(
  target: string | Device,
  options: HandoverOptions = {},
): Cancellable<HandoverReport> {
  return cancellableAsync(options, async (signal) => {
    checkStoreOptions(options);
    const { geometry = 'driver', direct, window } = options;
    const open = { mode: 'write', direct, window } as const;
    return withTarget(target, { ...open, signal, keep: false }, async (device) => {
      const unclaim = claimDevice(device, geometries[geometry]);
      try {
        return await handOver(device, options, signal);
      } finally {
        unclaim();
      }
    });
  });
}

async function handOver(
  device: Device,
  options: HandoverOptions,
  signal: AbortSignal,
): Promise<HandoverReport> {
  const { geometry = 'driver', copyIndex = 'own' } = options;
  const now = options.now ?? clockSeconds;
  const look = () => inspect(device, { geometry, now: now(), signal });
  const before = await inspectForWriting(device, { geometry, now: now(), signal });
  const source = admit(device.info.path, before, options);
  if (isHandedOver(before, source)) return { before, commit: null, after: before };

  const changes = { sequenceNumber: handedOver, timestampSeconds: now() };
  const metadata = withHeader(metadataOf(source.slot), changes);
  const write = (report: Report, copies: readonly number[], first?: CommitReport): Promise<CommitReport> => {
    const ledger = new SlotLedger(geometries[report.geometry], report.copies, source.copy, report.now);
    const order = overwriteOrder(ledger.plan).filter(({ copy }) => copies.includes(copy));
    return runCommit({
      device,
      ledger,
      metadata,
      indexOf: (copy) => (copyIndex === 'own' ? copy : 0),
      fresh: false,
      order,
      sameTable: true,
      earlier: first?.copies,
      stopAtError: true,
      required: order.length,
      signal,
    });
  };

  const { strangers, holders } = handoverStages(before, source);
  let first: CommitReport | undefined;
  let between = before;
  if (strangers.length > 0) {
    first = await write(before, strangers);
    between = await readBack(first, look);
    refuseLies(between, strangers, first, 'the elected table is untouched');
  }
  const commit = await write(between, holders, first);
  const after = await readBack(commit, look);
  refuseLies(
    after,
    [...strangers, ...holders],
    commit,
    'the old sequence can still win, with the same table',
  );
  return { before, commit, after };
}

/** The copies to be rewritten, by number: first what is not the elected table, then what is. */
export function handoverStages(
  { copies }: Findings,
  source: ValidSlot,
): { readonly strangers: readonly number[]; readonly holders: readonly number[] } {
  const holds = ({ slot }: SlotCopy) => slot.state === 'valid' && sameTable(slot.bytes, source.slot.bytes);
  return {
    strangers: numbersOf(copies.filter((copy) => copy.slot.state !== 'absent' && !holds(copy))),
    holders: numbersOf(copies.filter(holds)),
  };
}

/** A write that was lost although it was acknowledged leaves a copy that would win over sequence 1. */
function refuseLies(report: Report, written: readonly number[], commit: CommitReport, so: string): void {
  const lies = written.filter((copy) => {
    const slot = report.copies[copy]?.slot;
    return slot?.state !== 'valid' || slot.header.sequenceNumber !== handedOver;
  });
  if (lies.length === 0) return;
  const { copies, finds } = commit;
  const message = `${copiesText(lies)} read back otherwise than written; ${so}`;
  const drained = Promise.resolve({ copies, finds });
  throw new CommitError('ERR_COMMIT_PARTIAL', message, {
    sequence: commit.sequence,
    copies,
    finds,
    sameTable: true,
    drained,
  });
}

function admit(path: string, report: Report, options: HandoverOptions): ValidSlot {
  const { shown, copies } = report;
  if (shown === null) {
    const why = report.activation.reasons.join(' ');
    throw new DmremapError('ERR_NO_METADATA', `${path}: no copy can be used. ${why}`.trim());
  }
  const ambiguities = handoverDoubts(report, shown);
  if (ambiguities.length > 0) {
    throw new DmremapError('ERR_METADATA_AMBIGUOUS', `${path}: ${ambiguityText({ ...report, ambiguities })}`);
  }
  refuseUnreadable(path, report);
  const usable = copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (usable === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  if (!options.allowDataInMetadata) refuseDataInMetadata(shown.slot.entries, geometries[report.geometry]);
  return shown;
}

/** Whether every copy holds sequence 1 of one table already. */
export const isHandedOver = (report: Findings, source: ValidSlot): boolean =>
  source.slot.header.sequenceNumber === handedOver &&
  report.copies.every(
    ({ slot }) =>
      slot.state === 'absent' || (slot.state === 'valid' && sameButIndex(slot.bytes, source.slot.bytes)),
  );
