// Room: recovery. Makes a spare ready for the kernel module (format.md rule 11). It will write sequence 2 next,
// and after a power cut our higher sequence would win over its newer table: so the table is rewritten with sequence 1 on
// every copy. It is also the way on where the sequence has come to its end (format.md rule 6): for a table that is named.
//
// The order decides (handover-stages.ts). Whatever is not the table goes first, is read back, and the first write error ends it:
// a stale copy of sequence 6 that is still there would win over sequence 1. From then on each crash state holds one table.
import { type Cancellable, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { clockSeconds } from '../base/units.js';
import type { Device } from '../device/device.js';
import { geometries } from '../format/geometry.js';
import { type Metadata, metadataOf, withHeader } from '../format/metadata.js';
import { ambiguityText, refuseDataInMetadata, refuseUnreadable } from '../store/commit/admission.js';
import { overwriteOrder, type PlannedWrite } from '../store/commit/commit-plan.js';
import { CommitError, type CommitReport } from '../store/commit/commit-report.js';
import { runCommit } from '../store/commit/commit-run.js';
import { claimDevice, startSequenceAgain } from '../store/commit/device-claims.js';
import { invalidateCopies } from '../store/commit/invalidate.js';
import { readBack } from '../store/commit/read-back.js';
import { SlotLedger } from '../store/commit/slot-ledger.js';
import { withTarget } from '../store/examine/device-or-path.js';
import { sealedHeader } from '../store/examine/election.js';
import type { Report } from '../store/examine/examine.js';
import { inspect, inspectForWriting } from '../store/examine/inspect.js';
import { checkStoreOptions, type StoreOptions } from '../store/store-options.js';
import type { ValidSlot } from '../store/table/copies.js';
import { copiesText } from '../store/table/phrases.js';
import { handoverDoubts } from './handover-doubts.js';
import { handedOver, handoverStages, isHandedOver, namedSource, namedStages } from './handover-stages.js';

export interface HandoverOptions extends Omit<StoreOptions, 'spacing'> {
  /** Names the copy whose table is handed over (0 to 4). Whatever other copies hold is given up. */
  readonly copy?: number | undefined;
  /** Leaves copies that cannot be read alone, instead of refusing: they could outrank sequence 1 one day. */
  readonly allowUnreadable?: boolean | undefined;
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

/**
 * Rewrites all copies of the elected table, or of the one that `copy` names, with sequence 1 and a current timestamp, then
 * reads them again. A named table is among the valid copies at every moment; what else there is may win until it is given up.
 *
 * Rejections: those of `openDevice`; CommitError where an abort or a write error ends it (run it again); ERR_NO_METADATA;
 * ERR_METADATA_AMBIGUOUS where tables differ, more than one could be right and none was named; ERR_COPY_NOT_VALID; ERR_IO
 * where a copy cannot be read, since it could hold a higher sequence; ERR_SINGLE_COPY, ERR_DATA_IN_METADATA.
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
        const now = options.now ?? clockSeconds;
        const before = await inspectForWriting(device, { geometry, now: now(), signal });
        const source = admit(device.info.path, before, options);
        if (isHandedOver(before, source)) return { before, commit: null, after: before };
        return await new Handover(device, before, source, options, signal).run();
      } finally {
        unclaim();
      }
    });
  });
}

class Handover {
  readonly #metadata: Metadata;

  constructor(
    readonly device: Device,
    readonly before: Report,
    readonly source: ValidSlot,
    readonly options: HandoverOptions,
    readonly signal: AbortSignal,
  ) {
    const changes = { sequenceNumber: handedOver, timestampSeconds: this.#now() };
    this.#metadata = withHeader(metadataOf(source.slot), changes);
  }

  async run(): Promise<HandoverReport> {
    const { before } = this;
    const stages = this.options.copy === undefined ? this.#elected() : this.#named();
    const { commit, after } = await stages;
    startSequenceAgain(this.device);
    return { before, commit, after };
  }

  async #elected() {
    const stages = handoverStages(this.before, this.source);
    //  A copy that cannot be read is not among those that are written.
    const writable = overwriteOrder(this.#ledgerOf(this.before).plan).map(({ copy }) => copy);
    const strangers = stages.strangers.filter((copy) => writable.includes(copy));
    const { holders } = stages;
    let first: CommitReport | undefined;
    let between = this.before;
    const orderOf = (report: Report, copies: readonly number[]) =>
      overwriteOrder(this.#ledgerOf(report).plan).filter(({ copy }) => copies.includes(copy));
    if (strangers.length > 0) {
      first = await this.#write(between, orderOf(between, strangers), undefined, 'old');
      between = await this.#readBack(first, strangers, 'the elected table is untouched');
    }
    const commit = await this.#write(between, orderOf(between, holders), first, 'old');
    const so = 'the old sequence can still win, with the same table';
    return { commit, after: await this.#readBack(commit, [...strangers, ...holders], so) };
  }

  /** As handover-stages.ts says, stage by stage. */
  async #named() {
    const ledger = this.#ledgerOf(this.before);
    const finds = ledger.isContested ? 'other' : 'old';
    const { bring, giveUp, rewrite, holders } = namedStages(
      this.before,
      this.source,
      overwriteOrder(ledger.plan),
    );
    const untouched = `copy ${this.source.copy}, which was named, is untouched`;
    let last: CommitReport | undefined;
    let report = this.before;
    const stage = async (order: readonly PlannedWrite[], end: 'old' | 'other', so: string) => {
      last = await this.#write(report, order, last, end);
      const copies = order.map(({ copy }) => copy);
      report = await this.#readBack(last, copies, so);
    };
    if (bring !== null) await stage([bring], finds, untouched);
    if (giveUp.length > 0) ({ commit: last, report } = await this.#giveUp(report, giveUp, last, finds));
    if (rewrite.length > 0) await stage(rewrite, 'old', untouched);
    if (holders.length > 0)
      await stage(holders, 'old', 'another sequence can still win, with the same table');
    if (last === undefined) throw new Error('a handover without a write');
    return { commit: last, after: report };
  }

  #now = () => (this.options.now ?? clockSeconds)();

  #look = () => {
    const { geometry = 'driver' } = this.options;
    return inspect(this.device, { geometry, now: this.#now(), signal: this.signal });
  };

  #ledgerOf(report: Report): SlotLedger {
    return new SlotLedger(geometries[report.geometry], report.copies, this.source.copy, report.now);
  }

  #write(
    report: Report,
    order: readonly PlannedWrite[],
    earlier: CommitReport | undefined,
    finds: 'old' | 'other',
  ): Promise<CommitReport> {
    const { device, signal } = this;
    const { copyIndex = 'own' } = this.options;
    return runCommit({
      device,
      ledger: this.#ledgerOf(report),
      metadata: this.#metadata,
      indexOf: (copy) => (copyIndex === 'own' ? copy : 0),
      fresh: false,
      order,
      sameTable: finds,
      earlier: earlier?.copies,
      stopAtError: true,
      required: order.length,
      signal,
    });
  }

  async #giveUp(
    report: Report,
    copies: readonly number[],
    earlier: CommitReport | undefined,
    finds: 'old' | 'other',
  ): Promise<{ commit: CommitReport; report: Report }> {
    const { device, signal } = this;
    const outcomes = await invalidateCopies({
      device,
      geometry: geometries[report.geometry],
      slots: report.copies,
      copies,
      finds,
      earlier: earlier?.copies,
      signal,
    });
    const commit = { sequence: handedOver, copies: outcomes, finds, degraded: [] };
    const after = await readBack(commit, this.#look);
    const lies = copies.filter((copy) => {
      const slot = after.copies[copy]?.slot;
      return slot === undefined || sealedHeader(slot) !== null;
    });
    refuse(lies, commit, 'it is not given up');
    return { commit, report: after };
  }

  /** What was written has to be there: a write that was lost although it was acknowledged leaves a copy that would win. */
  async #readBack(commit: CommitReport, written: readonly number[], so: string): Promise<Report> {
    const report = await readBack(commit, this.#look);
    const lies = written.filter((copy) => {
      const slot = report.copies[copy]?.slot;
      return slot?.state !== 'valid' || slot.header.sequenceNumber !== handedOver;
    });
    refuse(lies, commit, so);
    return report;
  }
}

function refuse(lies: readonly number[], { sequence, copies, finds }: CommitReport, so: string): void {
  if (lies.length === 0) return;
  const message = `${copiesText(lies)} read back otherwise than written; ${so}`;
  throw new CommitError('ERR_COMMIT_PARTIAL', message, {
    sequence,
    copies,
    finds,
    sameTable: true,
    drained: Promise.resolve({ copies, finds }),
  });
}

function admit(path: string, report: Report, options: HandoverOptions): ValidSlot {
  const { copies, shown } = report;
  if (options.copy === undefined && shown !== null) {
    const ambiguities = handoverDoubts(report, shown);
    if (ambiguities.length > 0) {
      throw new DmremapError(
        'ERR_METADATA_AMBIGUOUS',
        `${path}: ${ambiguityText({ ...report, ambiguities })}`,
      );
    }
  }
  const source = options.copy === undefined ? shown : namedSource(report, options.copy);
  if (source === null) {
    const why = report.activation.reasons.join(' ');
    throw new DmremapError('ERR_NO_METADATA', `${path}: no copy can be used. ${why}`.trim());
  }
  if (!options.allowUnreadable) refuseUnreadable(path, report);
  const usable = copies.filter(({ slot }) => slot.state !== 'absent').length;
  if (usable === 1 && !options.allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  if (!options.allowDataInMetadata) refuseDataInMetadata(source.slot.entries, geometries[report.geometry]);
  return source;
}
