// Room: store. The metadata of one spare: opened or created explicitly, changed in `table`, made durable by `commit()`.
// One commit at a time; a second call waits for its turn.
import {
  abortRequestOf,
  type Cancellable,
  type CancelOptions,
  cancellableAsync,
  neverStarted,
} from '../base/cancellable.js';
import { argumentError, DmremapError, OperationError } from '../base/errors.js';
import { clockSeconds, type Sector, sectorsIn, sequence, type UnixSeconds, u64Max } from '../base/units.js';
import type { CloseReport, Device } from '../device/device.js';
import type { OpenDeviceOptions } from '../device/io-uring-device.js';
import { type GeometryName, geometries, metadataRegionBytes } from '../format/geometry.js';
import { blankMetadata, type Metadata, metadataOf, withEntries } from '../format/metadata.js';
import { futureToleranceSeconds } from '../format/structure.js';
import { ambiguityText, refuseDataInMetadata, refuseExisting } from './admission.js';
import { CommitError, type CommitReport, type CopyOutcome } from './commit-report.js';
import { runCommit } from './commit-run.js';
import { nextSequenceBase } from './election.js';
import type { Report } from './examine.js';
import { inspect, readSlot } from './inspect.js';
import { RemapTable } from './remap-table.js';
import { SlotLedger } from './slot-ledger.js';
import { type TargetOptions, withTarget } from './target.js';

export interface StoreOptions extends CancelOptions, Pick<OpenDeviceOptions, 'direct' | 'window'> {
  /** Default `driver`: where the kernel module looks. */
  readonly geometry?: GeometryName | undefined;
  /** The clock, in seconds since the epoch: for the driver's future rule, and for what is written. */
  readonly now?: (() => UnixSeconds) | undefined;
  /** `own` (default): each copy carries its number. `zero`: what the module writes. */
  readonly copyIndex?: 'own' | 'zero' | undefined;
  /** Distance of the spare sectors that the table hands out. Default 8. */
  readonly spacing?: 8 | 1 | undefined;
}

export interface OpenStoreOptions extends StoreOptions {
  /** Default `read`. */
  readonly mode?: 'read' | 'write' | undefined;
  /** Names the copy to go on from (0 to 4), where more than one could be the right one. */
  readonly copy?: number | undefined;
}

export interface CreateStoreOptions extends StoreOptions {
  /** Size of the main device in 512-byte sectors. */
  readonly mainSectors: bigint;
  /** Size of the spare. Default: that of the device. */
  readonly spareSectors?: bigint | undefined;
  /** Replaces metadata, or a file system, that is there already. */
  readonly force?: boolean | undefined;
  /** Creates even where only one copy fits. */
  readonly allowUnsafe?: boolean | undefined;
}

export interface CommitOptions extends CancelOptions {
  /**
   * Where aborted writes may still land and fewer than two other copies are left: `reject` with ERR_RANGE_UNSETTLED
   * (default), or `wait`.
   */
  readonly unsettled?: 'reject' | 'wait' | undefined;
  /** Commits even where only one copy can be written: a crash meanwhile may leave none. */
  readonly allowUnsafe?: boolean | undefined;
  /** Commits although live entries have their data inside the metadata region, which the write may destroy. */
  readonly allowDataInMetadata?: boolean | undefined;
}

interface Opened {
  readonly device: Device;
  readonly owned: boolean;
  readonly report: Report;
  readonly metadata: Metadata;
  readonly named: number | undefined;
  readonly options: StoreOptions;
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
  #metadata: Metadata;
  #lastCommit: CommitReport | undefined;
  /** The highest sequence seen or given out, in a commit that failed too: it may still land. */
  #lastSequence: bigint;
  #running: Promise<unknown> | undefined;
  #closed = false;

  private constructor({ device, owned, report, metadata, named, options }: Opened) {
    this.device = device;
    this.report = report;
    this.#owned = owned;
    this.#metadata = metadata;
    this.#geometry = report.geometry;
    this.#now = options.now ?? clockSeconds;
    this.#copyIndex = options.copyIndex ?? 'own';
    this.#lastSequence = nextSequenceBase(report.copies);
    this.#ledger = new SlotLedger(geometries[report.geometry], report.copies, named, report.now);
    const { mainDeviceSectors, spareDeviceSectors } = metadata.header;
    this.table = new RemapTable(
      {
        mainSectors: mainDeviceSectors,
        spareSectors: spareDeviceSectors,
        geometry: geometries[report.geometry],
        spacing: options.spacing,
      },
      metadata.entries,
    );
  }

  /**
   * Opens the metadata of a spare: a path, or a device that stays the caller's to close.
   *
   * Rejections: those of `openDevice`; ERR_NO_METADATA where no copy is valid; ERR_COPY_NOT_VALID where the named one is
   * not; for writing, ERR_METADATA_AMBIGUOUS where more than one copy could be the right one and none was named.
   * (Format section 6 rules 1, 2 and 9.)
   */
  static open(target: string | Device, options: OpenStoreOptions = {}): Cancellable<MetadataStore> {
    return cancellableAsync(options, async (signal) => {
      checkStoreOptions(options);
      const { mode = 'read', copy, geometry = 'driver' } = options;
      const now = (options.now ?? clockSeconds)();
      return withTarget(target, targetOptions(mode, options, signal), async (device, owned) => {
        if (mode === 'write' && !device.info.writable) throw new DmremapError('ERR_STORE_READ_ONLY');
        const report = await inspect(device, { geometry, now, copy, signal });
        const { shown } = report;
        if (shown === null) {
          const where = report.activation.reasons.join(' ');
          throw new DmremapError(
            'ERR_NO_METADATA',
            `${device.info.path}: no copy can be used. ${where}`.trim(),
          );
        }
        if (mode === 'write' && copy === undefined && report.ambiguities.length > 0) {
          throw new DmremapError('ERR_METADATA_AMBIGUOUS', `${device.info.path}: ${ambiguityText(report)}`);
        }
        const metadata = metadataOf(shown.slot);
        return new MetadataStore({ device, owned, report, metadata, named: shown.copy, options });
      });
    });
  }

  /**
   * Creates empty metadata and makes it durable.
   *
   * Rejections: those of `openDevice` and `commit`; ERR_METADATA_EXISTS where something looks like metadata, in either
   * geometry, ERR_DATA_PRESENT where a file system or the like is, and `force` was not given; ERR_DEVICE_TOO_SMALL where no copy fits; ERR_IO where a slot cannot be read:
   * nothing is written after a read that failed. (Format section 6 rule 9.)
   */
  static create(target: string | Device, options: CreateStoreOptions): Cancellable<MetadataStore> {
    return cancellableAsync(options, async (signal) => {
      checkStoreOptions(options);
      checkSectors('mainSectors', options?.mainSectors);
      const { geometry = 'driver', force = false, allowUnsafe } = options;
      const now = (options.now ?? clockSeconds)();
      return withTarget(target, targetOptions('write', options, signal), async (device, owned) => {
        if (!device.info.writable) throw new DmremapError('ERR_STORE_READ_ONLY');
        const report = await inspect(device, { geometry, now, signal });
        refuseExisting(device.info.path, report, force);
        const spareSectors = (options.spareSectors ?? sectorsIn(device.info.sizeBytes)) as Sector;
        checkSectors('spareSectors', spareSectors);
        const metadata = blankMetadata({
          mainSectors: options.mainSectors as Sector,
          spareSectors,
          timestampSeconds: now,
          sequence: sequence(0),
        });
        const store = new MetadataStore({ device, owned, report, metadata, named: undefined, options });
        await store.#commit({ allowUnsafe, allowDataInMetadata: force }, signal, true);
        return store;
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
   * Makes the table durable on every copy that can be written: first one, then two, then two (format section 6 rule 8).
   *
   * Rejections: CommitError with ABORT_ERR, ERR_TIMEOUT, ERR_DEVICE_CLOSED or ERR_COMMIT_PARTIAL, which says copy by copy
   * what is known and what a reader finds; ERR_SINGLE_COPY, ERR_RANGE_UNSETTLED, ERR_DATA_IN_METADATA,
   * ERR_SEQUENCE_EXHAUSTED, ERR_STORE_READ_ONLY and ERR_STORE_CLOSED, with nothing written. Only an abort that comes
   * before the call leaves no CommitError but an AbortError.
   */
  commit(options: CommitOptions = {}): Cancellable<CommitReport> {
    return cancellableAsync(options, async (signal) => {
      try {
        // Without a commit under way this one is with the device when the call returns.
        while (this.#running !== undefined) await abortable(this.#running, signal);
        const run = this.#commit(options, signal, false);
        const turn = run
          .catch(() => undefined)
          .finally(() => {
            if (this.#running === turn) this.#running = undefined;
          });
        this.#running = turn;
        return await run;
      } catch (error) {
        throw error instanceof OperationError && !(error instanceof CommitError)
          ? this.#notBegun(error)
          : error;
      }
    });
  }

  /** Closes the store, and the device if the store opened it: an ongoing commit is aborted. A second call is a no-op. */
  async close(options: { readonly graceMs?: number } = {}): Promise<CloseReport> {
    this.#closed = true;
    if (!this.#owned) return { leftInFlight: 0, released: false };
    return this.device.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #commit(options: CommitOptions, signal: AbortSignal, fresh: boolean): Promise<CommitReport> {
    this.#checkOpen();
    if (!options.allowDataInMetadata) refuseDataInMetadata([...this.table], geometries[this.#geometry]);
    if (this.#ledger.copiesOf('unsettled', 'unread').length > 0) await this.#settle(options, signal);
    this.#checkSlots(options);
    if (this.#lastSequence >= u64Max) throw new DmremapError('ERR_SEQUENCE_EXHAUSTED');

    const next = sequence(this.#lastSequence + 1n);
    const metadata = withEntries(this.#metadata, [...this.table], {
      sequenceNumber: next,
      timestampSeconds: this.#timestamp(),
      nextSpareSector: this.table.nextSpareSector ?? this.#metadata.header.nextSpareSector,
    });
    this.#lastSequence = next;
    const { device } = this;
    const report = await runCommit({
      device,
      ledger: this.#ledger,
      metadata,
      indexOf: (copy) => (this.#copyIndex === 'own' ? copy : 0),
      fresh,
      signal,
    });
    this.#metadata = metadata;
    this.#lastCommit = report;
    return report;
  }

  /** Rule 6: never a time that the driver would reject at our own clock, and never one that goes back without need. */
  #timestamp(): UnixSeconds {
    const now = this.#now();
    const before = this.#metadata.header.timestampSeconds;
    return before > now && before <= now + futureToleranceSeconds ? before : now;
  }

  /** An abort while the commit waited for its turn, or for what it has to read first: nothing of it was issued. */
  #notBegun(error: OperationError): CommitError {
    const uncertain = this.#running !== undefined || this.#ledger.copiesOf('unsettled', 'unread').length > 0;
    const finds = uncertain ? 'either' : 'old';
    const copies = this.#ledger.plan.map(
      ({ copy }): CopyOutcome => ({ copy, outcome: 'untouched', disarmed: false, reason: undefined }),
    );
    return new CommitError(error.code, `${error.message}; nothing of this commit was written`, {
      cause: error.cause,
      errno: error.errno,
      sequence: sequence(this.#lastSequence),
      copies,
      finds,
      drained: Promise.resolve({ copies, finds }),
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw new DmremapError('ERR_STORE_CLOSED');
    if (!this.device.info.writable) throw new DmremapError('ERR_STORE_READ_ONLY');
  }

  #checkSlots({ allowUnsafe = false }: CommitOptions): void {
    const known = this.#ledger.copiesOf('blank', 'damaged', 'other', 'driver', 'named').length;
    if (known === 0) {
      throw new DmremapError(
        'ERR_DEVICE_TOO_SMALL',
        `${this.device.info.path}: there is no copy that can be written`,
      );
    }
    if (known === 1 && !allowUnsafe) throw new DmremapError('ERR_SINGLE_COPY');
  }

  /**
   * Brings slots with an unknown content back into the plan: read back once their writes have drained. An undrained one
   * is left out while two known copies remain.
   */
  async #settle({ unsettled = 'reject' }: CommitOptions, signal: AbortSignal): Promise<void> {
    const ledger = this.#ledger;
    for (;;) {
      const unread = ledger.copiesOf('unread');
      const reads = await Promise.all(
        unread.map(
          async (copy) => [copy, await readSlot(this.device, ledger.offsetOf(copy), signal)] as const,
        ),
      );
      if (reads.length > 0) {
        const base = ledger.readBack(new Map(reads), this.#now());
        if (base > this.#lastSequence) this.#lastSequence = base;
      }
      const stuck = ledger.copiesOf('unsettled');
      const known = ledger.copiesOf('blank', 'damaged', 'other', 'driver', 'named').length;
      if (stuck.length === 0 || known >= 2) return;
      if (unsettled === 'reject') {
        const message = `aborted writes to copies ${stuck.join(' ')} may still land, and only ${known} other can be used`;
        throw new DmremapError('ERR_RANGE_UNSETTLED', message);
      }
      await abortable(ledger.whenDrained(), signal);
    }
  }
}

/** Waits for `work`, whose result does not matter, or for the abort, whichever comes first. */
async function abortable(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      void work.then(done, done);
    });
  }
  if (signal.aborted) throw neverStarted(abortRequestOf(signal));
}

function targetOptions(
  mode: 'read' | 'write',
  { direct, window }: StoreOptions,
  signal: AbortSignal,
): TargetOptions {
  return { mode, direct, window, preallocateBytes: metadataRegionBytes, signal, keep: true };
}

function checkStoreOptions(options: StoreOptions): void {
  const oneOf = (name: string, value: unknown, allowed: readonly unknown[]) => {
    if (value === undefined || allowed.includes(value)) return;
    throw argumentError('ERR_INVALID_ARG_VALUE', `${name} must be one of ${allowed.join(', ')}`);
  };
  const { mode } = options as OpenStoreOptions;
  oneOf('mode', mode, ['read', 'write']);
  oneOf('geometry', options.geometry, ['driver', 'documented']);
  oneOf('copyIndex', options.copyIndex, ['own', 'zero']);
  oneOf('spacing', options.spacing, [8, 1]);
  if (options.now !== undefined && typeof options.now !== 'function') {
    throw argumentError('ERR_INVALID_ARG_TYPE', 'now must be a function');
  }
}

function checkSectors(name: string, value: unknown): void {
  if (typeof value !== 'bigint') throw argumentError('ERR_INVALID_ARG_TYPE', `${name} must be a bigint`);
  if (value < 1n || value > u64Max)
    throw argumentError('ERR_OUT_OF_RANGE', `${name} must be 1 to 2^64 - 1 sectors`);
}
