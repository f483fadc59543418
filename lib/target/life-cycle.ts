// Room: target. The life of a target: its state, one method for each edge between two states, and the activity that there is
// while it is active and at no other time (docs/lifecycle.md, with the kernel counterpart of each step).
import { AbortRequest, type Cancellable, type CancelOptions, cancellableAsync } from '../base/cancellable.js';
import { DmremapError } from '../base/errors.js';
import { geometries } from '../format/geometry.js';
import { MetadataStore } from '../store/metadata-store.js';
import type { StoreOptions } from '../store/store-options.js';
import { Activity, type ActivityParts } from './activity.js';
import { checkTable } from './check-table.js';
import { closeSides, type Sides } from './device-pair.js';
import { neverDone, throwIfAborted } from './effects.js';
import type { Health } from './health.js';
import { channels } from './observability.js';
import { settleGhosts } from './settle-ghosts.js';
import type { CreateTargetOptions, OpenTargetOptions } from './target-options.js';
import type { DestroyReport, SuspendReport } from './target-report.js';
import { edges, refusals, type TargetState } from './target-state.js';

/** What a target has for all of its life. */
interface LifeParts {
  /** What each of its activities is made with. */
  readonly lasting: Omit<ActivityParts, 'policy' | 'syncOptions' | 'suspects'>;
  readonly sides: Sides;
  readonly options: OpenTargetOptions | CreateTargetOptions;
  /** Of main: without the part of a block at its end. */
  readonly usableSectors: bigint;
  readonly health: Health;
  /** Called when the target is destroyed. */
  readonly destroyed: () => void;
}

export class LifeCycle {
  readonly #parts: LifeParts;
  readonly #suspects = new Set<bigint>();
  #state: TargetState = 'suspended';
  #activity: Activity | undefined;
  #suspending: Promise<SuspendReport> | undefined;
  #resuming: Cancellable<void> | undefined;
  /** Sequence of the table that the last activity ended with. */
  #acknowledged: bigint | undefined;
  #destroying: Promise<DestroyReport> | undefined;
  #last: SuspendReport = { aborted: 0, finds: undefined, leftInFlight: 0 };

  constructor(parts: LifeParts) {
    this.#parts = parts;
  }

  get state(): TargetState {
    return this.#state;
  }

  /** Undefined where there is none any more, or not yet. While the target is suspending it is still there. */
  get activity(): Activity | undefined {
    return this.#activity;
  }

  /** The activity that takes a request. @throws OperationError where the target is not active, or about to be destroyed. */
  accepting(): Activity {
    if (this.#destroying !== undefined) throw neverDone('ERR_TARGET_DESTROYED');
    if (this.#state !== 'active') throw neverDone(refusals[this.#state]);
    return this.#activity as Activity;
  }

  /** What every store of the target is told. */
  storeOptions(signal: AbortSignal): StoreOptions {
    const { geometry, now, copyIndex } = this.#parts.options;
    const { copy, allowUnreadable } = this.#parts.options as OpenTargetOptions;
    // The copy that was named to begin with may be behind those that were written since.
    const named = this.#acknowledged === undefined ? copy : undefined;
    return { geometry, now, copyIndex, signal, ...{ copy: named, allowUnreadable } };
  }

  /** `RemapTarget.presuspend`. */
  presuspend(): Promise<SuspendReport> {
    return this.#leave(new AbortRequest('ERR_TARGET_SUSPENDED', undefined));
  }

  /** `RemapTarget.resume`. */
  resume(options: CancelOptions & { readonly unsettled?: 'reject' | 'wait' | undefined }): Cancellable<void> {
    if (this.#resuming !== undefined) return this.#resuming;
    const resuming = cancellableAsync(options, async (signal) => {
      if (this.#destroying !== undefined) throw neverDone('ERR_TARGET_DESTROYED');
      await this.#suspending;
      if (this.#state === 'active') return;
      const { inFlight } = this.#parts.lasting;
      if (inFlight.size > 0) {
        if (options.unsettled !== 'wait') {
          const message = `${inFlight.size} operations from before may still land`;
          throw new DmremapError('ERR_RANGE_UNSETTLED', message);
        }
        await inFlight.drained(signal);
        throwIfAborted(signal);
      }
      await this.activate(signal);
    });
    this.#resuming = resuming;
    const over = () => {
      if (this.#resuming === resuming) this.#resuming = undefined;
    };
    resuming.then(over, over);
    return resuming;
  }

  /** `RemapTarget.destroy`. */
  destroy(graceMs: number): Promise<DestroyReport> {
    if (this.#destroying === undefined) {
      // There before anybody hears of it: who watches the state may call again.
      const { promise, resolve } = deferred<DestroyReport>();
      this.#destroying = promise;
      resolve(this.#destroy(graceMs));
    }
    return this.#destroying;
  }

  // --- Edges

  /** suspended -> active */
  async activate(signal: AbortSignal): Promise<void> {
    const { lasting, sides, options, health, usableSectors } = this.#parts;
    const store = await MetadataStore.open(sides.spare.device, {
      ...this.storeOptions(signal),
      mode: 'write',
    });
    try {
      checkTable(store.table, {
        main: sides.main.device,
        spare: sides.spare.device,
        blockSectors: lasting.blockSectors,
        geometry: geometries[store.report.geometry],
      });
      if (this.#acknowledged !== undefined && store.sequence < this.#acknowledged) {
        const message = `the copies that can be read are older (sequence ${store.sequence}) than the table that was made durable (${this.#acknowledged})`;
        throw new DmremapError('ERR_METADATA_AMBIGUOUS', message);
      }
      throwIfAborted(signal);
      //  What was said at the opening was not said of what others have written since.
      const forget = (options as OpenTargetOptions).ghosts === 'forget' && this.#acknowledged === undefined;
      await settleGhosts(store, forget, signal);
    } catch (error) {
      await store.close();
      throw error;
    }
    this.#activity = new Activity(store, {
      ...lasting,
      policy: {
        onReadError: options.onReadError ?? 'report',
        onWriteError: options.onWriteError ?? 'remap',
      },
      syncOptions: options.sync,
      suspects: this.#suspects,
    });
    health.begin(this.#activity, usableSectors);
    this.#enter('active');
  }

  /** active -> suspending -> suspended */
  async #leave(request: AbortRequest): Promise<SuspendReport> {
    if (this.#state !== 'active' && this.#resuming !== undefined) {
      this.#resuming.cancel();
      await this.#resuming.catch(() => {});
    }
    const activity = this.#activity;
    if (this.#state !== 'active' || activity === undefined) return this.#suspending ?? this.#last;
    const { health, lasting } = this.#parts;
    const startedAt = performance.now();
    const { promise, resolve } = deferred<SuspendReport>();
    this.#suspending = promise;
    this.#enter('suspending');
    const ending = activity.end(request);
    health.end(); // Second: who waits for a scan is told why it ends.
    const { aborted, finds } = await ending;
    this.#acknowledged = activity.store.sequence;
    this.#activity = undefined;
    this.#last = { aborted, finds, leftInFlight: lasting.inFlight.size };
    lasting.latencies.record('presuspend', startedAt);
    this.#suspending = undefined;
    this.#enter('suspended');
    resolve(this.#last);
    return promise;
  }

  /** suspended -> destroyed */
  async #destroy(graceMs: number): Promise<DestroyReport> {
    const { lasting, sides, destroyed } = this.#parts;
    const left = await this.#leave(new AbortRequest('ERR_TARGET_DESTROYED', undefined));
    const closed = await closeSides(sides, { graceMs });
    this.#enter('destroyed');
    destroyed();
    const released = closed.every((report) => report.released);
    return { ...left, leftInFlight: lasting.inFlight.size, released };
  }

  #enter(to: TargetState): void {
    const from = this.#state;
    if (!edges[from].includes(to)) throw new Error(`a target cannot go from ${from} to ${to}`);
    this.#state = to;
    channels.state.publish({ target: this.#parts.lasting.target, from, to });
  }
}

function deferred<T>() {
  let resolve: (value: T | Promise<T>) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
