// Room: store. The metadata of one spare: opened or created explicitly, changed in `table`, made durable by `commit()`.
// One commit at a time; who comes meanwhile shares the next one.
import { AbortRequest, type Cancellable, type CancelOptions, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import {
  clockSeconds,
  type Sector,
  type Sequence,
  sectorsIn,
  sequence,
  type UnixSeconds,
  u64Max,
} from '../base/units.js';
import type { CloseReport, Device } from '../device/device.js';
import { type GeometryName, geometries, touchesMetadata } from '../format/geometry.js';
import { blankMetadata, type Metadata, metadataOf, withOwnEntries } from '../format/metadata.js';
import {
  ambiguityText,
  refusalOf,
  refuseDataInMetadata,
  refuseExisting,
  refuseUnreadable,
} from './commit/admission.js';
import { writableRoles } from './commit/commit-plan.js';
import { CommitQueue, leftAlone, notBegun } from './commit/commit-queue.js';
import { CommitError, type CommitReport } from './commit/commit-report.js';
import { type CommitJob, runCommit } from './commit/commit-run.js';
import { claimDevice, giveOutSequence, lastSequenceOf, releasing } from './commit/device-claims.js';
import { sequenceExhausted, withSequenceLeft } from './commit/exhausted.js';
import { settleSlots } from './commit/resolve-in-doubt.js';
import { scrubCopies } from './commit/scrub.js';
import type { ScrubReport } from './commit/scrub-report.js';
import { Turns } from './commit/serializer.js';
import { SlotLedger } from './commit/slot-ledger.js';
import { type TargetOptions, withTarget } from './examine/device-or-path.js';
import { commitTimestamp, nextSequenceBase } from './examine/election.js';
import type { Report } from './examine/examine.js';
import { inspect, inspectForWriting } from './examine/inspect.js';
import {
  type CommitOptions,
  type CreateStoreOptions,
  checkOpenOptions,
  checkSectors,
  checkStoreOptions,
  type OpenStoreOptions,
  type StoreOptions,
} from './store-options.js';
import { heldBy } from './table/held-places.js';
import { RemapTable } from './table/remap-table.js';

interface Opened {
  readonly device: Device;
  readonly owned: boolean;
  readonly report: Report;
  readonly metadata: Metadata;
  /** The same, where it is what the named copy holds. */
  readonly content: Metadata | null;
  readonly named: number | undefined;
  readonly options: StoreOptions;
  /** Ends the claim on the device; undefined where the store is for reading. */
  readonly unclaim: (() => void) | undefined;
}

export class MetadataStore implements AsyncDisposable {
  readonly device: Device;
  /** What was found when the store was opened. */
  readonly report: Report;
  /** The table that the next commit makes durable. */
  readonly table: RemapTable;
  readonly #owned: boolean;
  readonly #ledger: SlotLedger;
  readonly #geometry: GeometryName;
  readonly #copyIndex: 'own' | 'zero';
  readonly #now: () => UnixSeconds;
  /** The table takes no such entry in, so only those that were on the disk can be. */
  readonly #mayHaveDataInMetadata: boolean;
  #metadata: Metadata;
  #lastCommit: CommitReport | undefined;
  /** The highest sequence seen or given out, in a commit that failed too: it may still land. */
  #lastSequence: bigint;
  /** The sequence of the commit that runs, once it is given out. */
  #underWay: Sequence | undefined;
  readonly #turns = new Turns();
  readonly #queue: CommitQueue;
  readonly #unclaim: (() => void) | undefined;
  /** Aborted with the store: a commit that is under way then ends too. */
  readonly #closing = new AbortController();
  #closed: Promise<CloseReport> | undefined;
  #lastTimestamp: UnixSeconds;

  private constructor({ device, owned, report, metadata, content, named, options, unclaim }: Opened) {
    this.device = device;
    this.report = report;
    this.#owned = owned;
    this.#metadata = metadata;
    this.#geometry = report.geometry;
    this.#now = options.now ?? clockSeconds;
    this.#copyIndex = options.copyIndex ?? 'own';
    this.#unclaim = unclaim;
    this.#lastTimestamp = metadata.header.timestampSeconds;
    this.#queue = new CommitQueue(this.#turns, {
      ending: [this.#closing.signal, device.closed],
      run: (commitOptions, signal) => this.#commit(commitOptions, signal, { fresh: false }),
      notBegun: (ending, anotherIsRunning) =>
        notBegun(this.#ledger, sequence(this.#lastSequence + 1n), ending, anotherIsRunning),
      leftAlone: (request, running) =>
        leftAlone(this.#ledger, this.#underWay ?? sequence(this.#lastSequence + 1n), request, running),
    });
    const seen = nextSequenceBase(report.copies);
    const givenOut = lastSequenceOf(device);
    this.#lastSequence = seen > givenOut ? seen : givenOut;
    this.#ledger = new SlotLedger(geometries[report.geometry], report.copies, named, report.now, content);
    this.#mayHaveDataInMetadata = metadata.entries.some(({ spareSector }) =>
      touchesMetadata(geometries[report.geometry], spareSector),
    );
    const { mainDeviceSectors, spareDeviceSectors } = metadata.header;
    const { shown } = report;
    this.table = new RemapTable(
      {
        mainSectors: mainDeviceSectors,
        spareSectors: spareDeviceSectors,
        geometry: geometries[report.geometry],
        spacing: options.spacing,
        //  What a create replaces is given up.
        held: content === null || shown === null ? undefined : heldBy({ copies: report.copies, shown }),
      },
      metadata.entries,
    );
    if ((options as OpenStoreOptions).ghosts === 'forget') this.table.forgetGhosts();
  }

  /**
   * Opens the metadata of a spare: a path, or a device that stays the caller's to close.
   *
   * Rejections: those of `openDevice`; ERR_NO_METADATA where no copy is valid; ERR_COPY_NOT_VALID where the named one is
   * not; for writing, ERR_METADATA_AMBIGUOUS where more than one copy could be the right one and none was named,
   * ERR_IO where a copy cannot be read, ERR_DEVICE_BUSY where another store writes to the same device, ERR_RANGE_UNSETTLED where an aborted write to a slot
   * may still land. (format.md rules 1, 2 and 9.) What other copies and ghosts name is kept back from the table (format.md rule
   * 12): see `ghosts` of the options, `RemapTable.held` and `RemapTable.ghosts`.
   */
  static open(target: string | Device, options: OpenStoreOptions = {}): Cancellable<MetadataStore> {
    return cancellableAsync(options, async (signal) => {
      checkOpenOptions(options);
      const { mode = 'read', copy, geometry = 'driver' } = options;
      const now = (options.now ?? clockSeconds)();
      return withTarget(target, targetOptions(mode, options, signal), async (device, owned) => {
        const unclaim = mode === 'write' ? claimDevice(device, geometries[geometry]) : undefined;
        return releasing(unclaim, async () => {
          const look = mode === 'write' ? inspectForWriting : inspect;
          const report = await look(device, { geometry, now, copy, signal });
          const { shown } = report;
          const { path } = device.info;
          if (shown === null) {
            const where = report.activation.reasons.join(' ');
            throw new DmremapError('ERR_NO_METADATA', `${path}: no copy can be used. ${where}`.trim());
          }
          if (mode === 'write' && !options.allowUnreadable) refuseUnreadable(path, report);
          if (mode === 'write' && copy === undefined && report.ambiguities.length > 0) {
            throw new DmremapError('ERR_METADATA_AMBIGUOUS', `${path}: ${ambiguityText(report)}`);
          }
          const metadata = metadataOf(shown.slot);
          const named = shown.copy;
          return new MetadataStore({
            device,
            owned,
            report,
            metadata,
            content: metadata,
            named,
            options,
            unclaim,
          });
        });
      });
    });
  }

  /**
   * Creates empty metadata and makes it durable.
   *
   * Rejections: those of `openDevice` and `commit`; ERR_METADATA_EXISTS where something looks like metadata, in either
   * geometry, ERR_DATA_PRESENT where a file system or the like is, and `force` was not given; ERR_DATA_IN_METADATA where
   * the table that is replaced has its data there; ERR_SEQUENCE_EXHAUSTED; ERR_DEVICE_TOO_SMALL where no copy fits; ERR_IO where a slot cannot be
   * read: nothing is written after a read that failed. (format.md rules 9 and 14.)
   */
  static create(target: string | Device, options: CreateStoreOptions): Cancellable<MetadataStore> {
    return cancellableAsync(options, async (signal) => {
      checkStoreOptions(options);
      checkSectors('mainSectors', options?.mainSectors);
      const { geometry = 'driver', force = false, allowUnsafe, allowDataInMetadata } = options;
      const now = (options.now ?? clockSeconds)();
      return withTarget(target, targetOptions('write', options, signal), async (device, owned) => {
        const unclaim = claimDevice(device, geometries[geometry]);
        return releasing(unclaim, async () => {
          const found = await inspectForWriting(device, { geometry, now, signal });
          refuseExisting(device.info.path, found, force);
          const replaced = found.shown?.slot.entries ?? [];
          if (!allowDataInMetadata) refuseDataInMetadata(replaced, geometries[geometry]);
          const spareSectors = (options.spareSectors ?? sectorsIn(device.info.sizeBytes)) as Sector;
          checkSectors('spareSectors', spareSectors);
          const left = { geometry, now, allowUnsafe, signal };
          const { report, earlier } = await withSequenceLeft(device, found, left);
          const metadata = blankMetadata({
            mainSectors: options.mainSectors as Sector,
            spareSectors,
            timestampSeconds: now,
            sequence: sequence(0),
          });
          // What is there and elected is the last to be overwritten, and not before the new table is durable.
          const named = report.elections.ours?.copy;
          const store = new MetadataStore({
            device,
            owned,
            report,
            metadata,
            content: null,
            named,
            options,
            unclaim,
          });
          await store.#commit({ allowUnsafe }, signal, { fresh: true, earlier });
          return store;
        });
      });
    });
  }

  /** The sequence of the table that the store goes on from: of the copy opened, or of the last commit. */
  get sequence(): bigint {
    return this.#metadata.header.sequenceNumber;
  }

  /** What the last commit that succeeded did, the one of `create` included. */
  get lastCommit(): CommitReport | undefined {
    return this.#lastCommit;
  }

  /**
   * Makes the table durable on every copy that can be written: first one, then two, then two (format.md rule 8).
   * Of a copy that is known byte for byte only the blocks that change are written. It is the table as it is when the
   * commit's turn comes: callers that come while one is under way share the next one, and an abort of one of them leaves
   * it to the others; it then reports as `unknown` every copy that may be written, and `drained` how that commit ended.
   *
   * Rejections: CommitError with ABORT_ERR, ERR_TIMEOUT, ERR_DEVICE_CLOSED, ERR_DEVICE_VANISHED or ERR_COMMIT_PARTIAL, which says
   * copy by copy what is known and what a reader finds; ERR_SINGLE_COPY, ERR_RANGE_UNSETTLED, ERR_IO, ERR_ANOTHER_WRITER,
   * ERR_DATA_IN_METADATA, ERR_SEQUENCE_EXHAUSTED, ERR_STORE_READ_ONLY and ERR_STORE_CLOSED, with nothing written. Only an
   * abort that comes before the call leaves no CommitError but an AbortError.
   */
  commit(options: CommitOptions = {}): Cancellable<CommitReport> {
    return this.#queue.commit(options);
  }

  /**
   * Reads all copies and holds each against what the store believes is there. Never writes: what it finds damaged, stale or
   * unreadable is known from then on, and the next `commit()` rewrites it in an order that loses nothing. A copy that
   * somebody else has written meanwhile is reported, and no commit is made any more (ERR_ANOTHER_WRITER). Never beside a
   * commit: it waits for its turn, and a commit that is called meanwhile waits for it. An abort changes nothing of what the
   * store knows. (format.md rules 6 to 9.)
   *
   * Rejections: ABORT_ERR, ERR_TIMEOUT, ERR_STORE_CLOSED, ERR_DEVICE_CLOSED, ERR_DEVICE_VANISHED. What is wrong with a copy, a failed read
   * included, is in the report.
   */
  scrub(options: CancelOptions = {}): Cancellable<ScrubReport> {
    return cancellableAsync(options, (asked) =>
      this.#turns.during([asked, this.#closing.signal, this.device.closed], (signal) =>
        scrubCopies(this.device, this.#ledger, this.#now, signal),
      ),
    );
  }

  /**
   * Aborts a commit or a scrub that is under way, lets go of the device, and closes it if the store opened it. A second
   * call gives the first one's report.
   */
  close(options: { readonly graceMs?: number } = {}): Promise<CloseReport> {
    this.#closed ??= this.#close(options);
    return this.#closed;
  }

  async #close(options: { readonly graceMs?: number }): Promise<CloseReport> {
    this.#closing.abort(new AbortRequest('ERR_STORE_CLOSED', undefined));
    await this.#turns.whenIdle();
    this.#unclaim?.();
    if (this.#owned) return this.device.close(options);
    return { leftInFlight: this.#ledger.copiesOf('unsettled').length, released: false };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #commit(
    options: CommitOptions,
    signal: AbortSignal,
    job: Pick<CommitJob, 'fresh' | 'earlier'>,
  ): Promise<CommitReport> {
    if (this.#unclaim === undefined) throw new DmremapError('ERR_STORE_READ_ONLY');
    this.#underWay = undefined;
    const entries = this.table.snapshot();
    if (this.#mayHaveDataInMetadata && !options.allowDataInMetadata) {
      refuseDataInMetadata(entries, geometries[this.#geometry]);
    }
    if (this.#ledger.copiesOf('unsettled', 'unread').length > 0) {
      await settleSlots(this.device, this.#ledger, this.#now, options.unsettled, signal);
    }
    this.#checkSlots(options);
    if (this.#lastSequence >= u64Max) {
      throw sequenceExhausted(this.device.info.path, this.#ledger.copiesOf('named')[0]);
    }

    const { device } = this;
    const next = sequence(this.#lastSequence + 1n);
    const timestampSeconds = commitTimestamp(this.#lastTimestamp, this.#now());
    const changes = {
      sequenceNumber: next,
      timestampSeconds,
      nextSpareSector: this.table.nextSpareSector ?? this.#metadata.header.nextSpareSector,
    };
    const { clearedGhosts } = this.table;
    const metadata = withOwnEntries(this.#metadata, entries, changes, clearedGhosts);
    // Given out, whatever becomes of the commit: an aborted one may still land.
    this.#lastSequence = next;
    this.#underWay = next;
    this.#lastTimestamp = timestampSeconds;
    giveOutSequence(device, next);
    try {
      const indexOf = (copy: number) => (this.#copyIndex === 'own' ? copy : 0);
      const report = await runCommit({ device, ledger: this.#ledger, metadata, indexOf, ...job, signal });
      this.#metadata = metadata;
      this.#lastCommit = report;
      if (clearedGhosts === this.table.clearedGhosts && report.degraded.length === 0) this.table.committed();
      return report;
    } catch (error) {
      // Rejected, and yet it is what every reader finds.
      if (error instanceof CommitError && error.finds === 'new') this.#metadata = metadata;
      throw error;
    }
  }

  #checkSlots({ allowUnsafe = false }: CommitOptions): void {
    const refusal = refusalOf(this.#ledger, this.device.info.path);
    if (refusal !== undefined) throw refusal;
    const known = this.#ledger.copiesOf(...writableRoles).length;
    if (known === 1 && !allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  }
}

function targetOptions(
  mode: 'read' | 'write',
  { direct, window }: StoreOptions,
  signal: AbortSignal,
): TargetOptions {
  return { mode, direct, window, signal, keep: true };
}
