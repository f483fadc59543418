// Room: target. A main and a spare device, the table between them and the work that keeps it durable: what the kernel's
// dm-remap target is, in user space (docs/lifecycle.md). Its states and the ways between them are in life-cycle.ts.
import { type Cancellable, type CancelOptions, cancellableAsync } from '../base/cancellable.js';
import { argumentError, OperationError } from '../base/errors.js';
import { type Sector, sectorsIn } from '../base/units.js';
import type { RemapEntry } from '../format/structure.js';
import type { ScrubReport } from '../store/commit/scrub-report.js';
import { MetadataStore } from '../store/metadata-store.js';
import type { RemapTable } from '../store/table/remap-table.js';
import type { Activity } from './activity.js';
import { closeSides, openSides, type Side, type Sides } from './device-pair.js';
import { InFlight } from './effects.js';
import { Health } from './health.js';
import type { ScanPass } from './health-scan.js';
import { LifeCycle } from './life-cycle.js';
import { Medium, type MediumListener, sectorBytes } from './medium.js';
import { channels, Latencies, type TimedOperation } from './observability.js';
import { register, registered, unregister } from './registry.js';
import { checkRange, sectorOf } from './request-range.js';
import { type CreateTargetOptions, checkTargetOptions, type OpenTargetOptions } from './target-options.js';
import type { Counters, DestroyReport, SuspendReport, TargetStatus } from './target-report.js';
import type { TargetState } from './target-state.js';

export class RemapTarget implements AsyncDisposable {
  readonly #main: Side;
  readonly #spare: Side;
  readonly #blockSectors: number;
  readonly #mainSectors: Sector;
  /** Without the part of a block at the end of main, which cannot be transferred by itself. */
  readonly #usableSectors: bigint;
  readonly #inFlight = new InFlight();
  readonly #latencies = new Latencies();
  readonly #health: Health;
  readonly #life: LifeCycle;
  readonly #counters: Counters = { reads: 0, writes: 0, readErrors: 0, writeErrors: 0, aborts: 0 };

  private constructor(sides: Sides, options: OpenTargetOptions | CreateTargetOptions) {
    const { main, spare } = sides;
    this.#main = main;
    this.#spare = spare;
    this.#health = new Health(this, options);
    this.#mainSectors = sectorsIn(main.device.info.sizeBytes);
    this.#blockSectors =
      Math.max(main.device.info.logicalBlockSize, spare.device.info.logicalBlockSize) / sectorBytes;
    this.#usableSectors = this.#mainSectors - (this.#mainSectors % BigInt(this.#blockSectors));
    const listener: MediumListener = {
      failed: (event) => {
        this.#counters[event.kind === 'read' ? 'readErrors' : 'writeErrors']++;
        this.#health.failed(event);
      },
      succeeded: (name, sectors) => this.#health.succeeded(name, sectors),
    };
    const medium = (name: 'main' | 'spare', { device }: Side) =>
      new Medium(name, device, this.#blockSectors, listener, this.#inFlight);
    this.#life = new LifeCycle({
      lasting: {
        main: medium('main', main),
        spare: medium('spare', spare),
        blockSectors: this.#blockSectors,
        inFlight: this.#inFlight,
        latencies: this.#latencies,
        target: this,
      },
      sides,
      options,
      usableSectors: this.#usableSectors,
      health: this.#health,
      destroyed: () => unregister(this),
    });
  }

  /**
   * Opens a target whose metadata is on the spare already, and activates it.
   *
   * Rejections: those of `openDevice` and of `MetadataStore.open` for writing; ERR_MAIN_MISMATCH where main has not the
   * size that the metadata was made for; ERR_TABLE_UNALIGNED where the table maps parts of logical blocks; ERR_GHOST_ENTRIES
   * where an earlier table has left entries behind it, unless `ghosts` says `forget`; those of a commit where it does.
   */
  static open(options: OpenTargetOptions): Cancellable<RemapTarget> {
    return RemapTarget.#assemble(options, (target, signal) => target.#life.activate(signal));
  }

  /**
   * Writes empty metadata to the spare, and activates the target.
   *
   * Rejections: those of `openDevice` and of `MetadataStore.create`.
   */
  static create(options: CreateTargetOptions): Cancellable<RemapTarget> {
    return RemapTarget.#assemble(options, async (target, signal) => {
      const { force, allowDataInMetadata } = options;
      const store = await MetadataStore.create(target.#spare.device, {
        ...target.#life.storeOptions(signal),
        mainSectors: target.#mainSectors,
        force,
        allowDataInMetadata,
      });
      await store.close();
      await target.#life.activate(signal);
    });
  }

  static #assemble(
    options: OpenTargetOptions | CreateTargetOptions,
    activate: (target: RemapTarget, signal: AbortSignal) => Promise<void>,
  ): Cancellable<RemapTarget> {
    return cancellableAsync(options, async (signal) => {
      checkTargetOptions(options);
      const sides = await openSides(options, signal);
      let target: RemapTarget | undefined;
      try {
        target = new RemapTarget(sides, options);
        register(target);
        await activate(target, signal);
        return target;
      } catch (error) {
        if (target !== undefined) unregister(target);
        await closeSides(sides, signal.aborted ? { graceMs: 5 } : {});
        throw error;
      }
    });
  }

  get state(): TargetState {
    return this.#life.state;
  }

  /** The remaps in force, in the order of the disk. Empty where the target is not active: the entries are freed then. */
  entries(): readonly RemapEntry[] {
    const { activity } = this.#life;
    return activity === undefined ? [] : [...activity.store.table];
  }

  status(): TargetStatus {
    const { state } = this;
    const activity = state === 'active' ? this.#life.activity : undefined;
    return {
      state,
      main: this.#main.device.info.path,
      spare: this.#spare.device.info.path,
      mainSectors: this.#mainSectors,
      blockSectors: this.#blockSectors,
      sequence: activity?.store.sequence,
      remaps: activity?.store.table.size ?? 0,
      remapsLeft: activity && remapsLeft(activity.store.table, this.#blockSectors),
      held: activity?.store.table.held,
      pendingBlocks: activity?.pending.size ?? 0,
      sync: activity?.sync.status,
      requests: activity?.requests ?? 0,
      inFlight: this.#inFlight.size,
      counters: { ...this.#counters },
      health: this.#health.analyse(),
      scan: this.#health.progress,
      latency: this.#latencies.summary(),
    };
  }

  /**
   * Reads `count` sectors of 512 bytes from `sector` on, each from where the table says.
   *
   * Rejections: TargetError with ERR_IO, whose `sectors` are exactly the blocks that cannot be read and whose `bytes` are the
   * others; ABORT_ERR, ERR_TIMEOUT, ERR_TARGET_SUSPENDED, ERR_TARGET_DESTROYED and the errors of a device;
   * ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE (1 to 32,768 sectors, on main) and ERR_UNALIGNED for wrong arguments.
   */
  read(sector: bigint | number, count: number, options?: CancelOptions): Cancellable<Uint8Array> {
    return this.#operation('read', options, async (activity, signal) => {
      const first = this.#checkRange(sector, count);
      this.#counters.reads++;
      return activity.io.read(first, count, signal);
    });
  }

  /**
   * Writes whole sectors, each to where the table says. A block of main that cannot be written is moved to the spare, and
   * the write is acknowledged when that is durable too. Durable by default; with `durable: false` what goes to main, or to a
   * block that is remapped already, is after the next `flush()`.
   *
   * Rejections: those of `read`, with `outcome` and `drained`; ERR_TABLE_FULL and ERR_SPARE_EXHAUSTED where a block that
   * fails cannot be remapped; ERR_TARGET_DEGRADED where the table cannot be made durable; ERR_RANGE_UNSETTLED where an
   * aborted write to the same sectors may still land and `unsettled` is not `wait`.
   */
  write(
    sector: bigint | number,
    bytes: Uint8Array,
    options: CancelOptions & {
      readonly durable?: boolean | undefined;
      readonly unsettled?: 'reject' | 'wait' | undefined;
    } = {},
  ): Cancellable<void> {
    return this.#operation('write', options, async (activity, signal) => {
      if (!(bytes instanceof Uint8Array)) {
        throw argumentError('ERR_INVALID_ARG_TYPE', 'bytes must be a Uint8Array');
      }
      const first = this.#checkRange(sector, bytes.length / sectorBytes);
      this.#counters.writes++;
      // Still at the call: what the caller does with the array afterwards does not matter.
      const own = Uint8Array.from(bytes);
      const { durable = true, unsettled } = options;
      await activity.io.write(first, own, { durable, unsettled }, signal);
    });
  }

  /** Makes durable what was written, and told as written, before the call. Rejections: those of `read`. */
  flush(options?: CancelOptions): Cancellable<void> {
    return this.#operation(undefined, options, (activity, signal) => activity.io.flush(signal));
  }

  /**
   * Moves the block of main that `sector` is in to the spare, as it is, and resolves when that is durable.
   * Rejections: those of `write`; ERR_ORIGINAL_MAPPED; ERR_IO where the block cannot be read.
   */
  remap(sector: bigint | number, options?: CancelOptions): Cancellable<void> {
    return this.#operation('remap', options, async (activity, signal) => {
      const at = sectorOf(sector);
      const into = at < 0n ? 0n : at % BigInt(this.#blockSectors);
      const first = this.#checkRange(at - into, this.#blockSectors);
      await activity.io.move(first, signal);
    });
  }

  /**
   * Resolves when what was changed in the table before the call is durable. A degraded target tries again.
   * Rejections: ERR_TARGET_DEGRADED, whose cause says why; ABORT_ERR, ERR_TIMEOUT, ERR_TARGET_SUSPENDED, ERR_TARGET_DESTROYED.
   */
  sync(options?: CancelOptions): Cancellable<void> {
    return this.#operation(undefined, options, (activity, signal) => activity.sync.whenClean(signal));
  }

  /**
   * Reads all of main that was not read yet in this pass, slowly, after a look at the copies: what cannot be read is counted
   * and told (`status().health`), what a commit would mend is mended. Resolves at the end of the pass. A scan that was
   * stopped, by an abort or by `presuspend()`, goes on where it was.
   * Rejections: ABORT_ERR, ERR_TIMEOUT, ERR_TARGET_SUSPENDED, ERR_TARGET_DESTROYED and the errors of a device that is gone.
   */
  scan(options?: CancelOptions): Cancellable<ScanPass> {
    return this.#operation(undefined, options, (_, signal) => this.#health.scanOnce(signal));
  }

  /**
   * Reads the copies of the table and holds them against what is believed to be there; where a commit would mend one, it is
   * scheduled. Rejections: ABORT_ERR, ERR_TIMEOUT, ERR_TARGET_SUSPENDED, ERR_TARGET_DESTROYED, ERR_DEVICE_VANISHED.
   */
  scrub(options?: CancelOptions): Cancellable<ScrubReport> {
    return this.#operation(undefined, options, async (activity, signal) => {
      const report = await activity.scrub(signal);
      if (report.needsRepair) activity.sync.markDirty();
      return report;
    });
  }

  /**
   * Stops everything, whatever the devices do: refuses new work, aborts the requests and the commit under way, withdraws what
   * waits, and frees the entries. Both devices stay open, and held. Never rejects; where the target is not active it reports
   * the last time.
   */
  presuspend(): Promise<SuspendReport> {
    return this.#life.presuspend();
  }

  /**
   * Activates the target again, with the table that is on the disk, after everything that was in flight has drained.
   *
   * Rejections: ERR_RANGE_UNSETTLED where something is still in flight and `unsettled` is not `wait`; those of `open`;
   * ERR_TARGET_DESTROYED. The target stays suspended then.
   */
  resume(
    options: CancelOptions & { readonly unsettled?: 'reject' | 'wait' | undefined } = {},
  ): Cancellable<void> {
    return this.#life.resume(options);
  }

  /**
   * Ends the target, from any state and at any moment: as `presuspend`, then closes both devices, for each of which it waits
   * `graceMs` (default 1,000) at the most. Never rejects but for a wrong argument; a second call gives the first one's report.
   */
  destroy(options: { readonly graceMs?: number | undefined } = {}): Promise<DestroyReport> {
    const { graceMs = 1000 } = options ?? {};
    if (typeof graceMs !== 'number' || !(graceMs >= 0 && graceMs < 2 ** 31)) {
      return Promise.reject(argumentError('ERR_OUT_OF_RANGE', 'graceMs must be between 0 and 2^31 - 1'));
    }
    return this.#life.destroy(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy();
  }

  // --- Requests

  #operation<T>(
    name: TimedOperation | undefined,
    options: CancelOptions | undefined,
    run: (activity: Activity, signal: AbortSignal) => Promise<T>,
  ): Cancellable<T> {
    return cancellableAsync(options, async (signal) => {
      const activity = this.#life.accepting();
      const startedAt = performance.now();
      let abortedAt: number | undefined;
      try {
        const result = await activity.request(signal, (either) => {
          either.addEventListener('abort', () => (abortedAt = performance.now()), { once: true });
          return run(activity, either);
        });
        if (name !== undefined) this.#latencies.record(name, startedAt);
        return result;
      } catch (error) {
        if (abortedAt !== undefined) this.#cancelled(name, abortedAt, error);
        throw error;
      }
    });
  }

  #cancelled(operation: TimedOperation | undefined, abortedAt: number, error: unknown): void {
    this.#counters.aborts++;
    this.#latencies.record('cancel', abortedAt);
    if (!(error instanceof OperationError)) return;
    const { code, outcome } = error;
    channels.cancel.publish({ target: this, operation, code, outcome });
  }

  #checkRange(sector: bigint | number, count: number): bigint {
    return checkRange(sector, count, this.#usableSectors, this.#blockSectors);
  }
}

function remapsLeft({ capacity, size, freePlaces }: RemapTable, blockSectors: number): number {
  return Math.min(Math.floor((capacity - size) / blockSectors), freePlaces);
}

/** The targets of this thread that are not destroyed, in the order in which they were opened. */
export const listTargets = (): readonly RemapTarget[] => registered() as readonly RemapTarget[];
