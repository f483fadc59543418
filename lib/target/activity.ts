// Room: target. All that exists while a target is active and at no other time: the table and its store, the work on them,
// and the requests under way. It is made from the disk, and at the end everything in it is aborted and freed.
import { type AbortRequest, linkSignals } from '../base/cancellable.js';
import { CommitError, type CommitReport, type Finds } from '../store/commit/commit-report.js';
import type { ScrubReport } from '../store/commit/scrub-report.js';
import type { MetadataStore } from '../store/metadata-store.js';
import type { InFlight } from './effects.js';
import type { Medium } from './medium.js';
import { channels, type Latencies } from './observability.js';
import type { PendingBlocks } from './pieces.js';
import { RangeLock } from './range-lock.js';
import { RemapWork } from './remap-work.js';
import { type SyncOptions, SyncWork } from './sync-work.js';
import { TargetIo } from './target-io.js';
import type { TargetPolicy } from './target-options.js';

/** A look at the copies that takes longer has failed: commits wait for it. */
const scrubTimeoutMs = 5_000;

/** What outlives it. */
export interface ActivityParts {
  readonly main: Medium;
  readonly spare: Medium;
  readonly blockSectors: number;
  readonly policy: TargetPolicy;
  readonly syncOptions: SyncOptions | undefined;
  readonly suspects: Set<bigint>;
  readonly inFlight: InFlight;
  readonly latencies: Latencies;
  /** For the messages of the diagnostics channels. */
  readonly target: object;
}

/** What was going on when a target left `active`. */
interface ActivityEnd {
  /** Requests of callers that were aborted. */
  readonly aborted: number;
  /** What a reader finds on the disk, where a commit was aborted. */
  readonly finds: Finds | undefined;
}

export class Activity {
  readonly store: MetadataStore;
  readonly sync: SyncWork;
  readonly io: TargetIo;
  readonly pending: PendingBlocks = new Map();
  readonly #parts: ActivityParts;
  readonly #life = new AbortController();
  /** Of the metadata: the sync work and the scrub have it in turn. */
  readonly #metadataLock = new RangeLock();
  readonly #requests = new Set<Promise<unknown>>();
  readonly #background = new Set<Promise<unknown>>();
  #finds: Finds | undefined;

  constructor(store: MetadataStore, parts: ActivityParts) {
    this.store = store;
    this.#parts = parts;
    const { main, spare, blockSectors, policy, suspects, target } = parts;
    const { table } = store;
    const { pending } = this;
    this.sync = new SyncWork(
      {
        isActive: () => !this.signal.aborted,
        lock: (signal) => this.lockMetadata(signal),
        commit: (options) => this.#commit(options),
        pause,
      },
      parts.syncOptions,
    );
    const { sync } = this;
    const remap = new RemapWork({ table, spare, blockSectors, pending, sync, target });
    const lock = new RangeLock();
    this.io = new TargetIo({ table, main, spare, blockSectors, pending, lock, remap, policy, suspects });
  }

  /** Aborted when the target leaves `active`. */
  get signal(): AbortSignal {
    return this.#life.signal;
  }

  get requests(): number {
    return this.#requests.size;
  }

  lockMetadata(signal: AbortSignal): Promise<() => void> {
    return this.#metadataLock.acquire(0n, 1n, true, signal);
  }

  /** As `MetadataStore.scrub`, in turn with the sync work. */
  async scrub(signal: AbortSignal): Promise<ScrubReport> {
    const unlock = await this.lockMetadata(signal);
    try {
      return await this.store.scrub({ signal, timeoutMs: scrubTimeoutMs });
    } finally {
      unlock();
    }
  }

  /** A request of a caller, under a signal that ends with the activity too. */
  async request<T>(signal: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal: either, unlink } = linkSignals(signal, this.signal);
    const running = run(either);
    this.#requests.add(running);
    try {
      return await running;
    } finally {
      this.#requests.delete(running);
      unlink();
    }
  }

  /** Work of ours, under a signal of its own: what it has in the kernel must have been given up when the end is told. */
  async background<T>(running: Promise<T>): Promise<T> {
    this.#background.add(running);
    try {
      return await running;
    } finally {
      this.#background.delete(running);
    }
  }

  /** Aborts everything, and resolves when it has settled: an abort waits for no device. */
  async end(request: AbortRequest): Promise<ActivityEnd> {
    const aborted = this.#requests.size;
    this.#life.abort(request);
    this.sync.withdraw(request);
    await Promise.allSettled([...this.#requests, ...this.#background]);
    await this.store.close();
    this.pending.clear();
    return { aborted, finds: this.#finds };
  }

  async #commit(options: { timeoutMs: number; signal: AbortSignal; attempt: number }): Promise<void> {
    const { timeoutMs, signal, attempt } = options;
    const { latencies, target, inFlight } = this.#parts;
    const startedAt = performance.now();
    // What is in the table now is what this commit makes durable.
    const committing = [...this.pending];
    const durable = () => {
      for (const [original, block] of committing) {
        if (this.pending.get(original) === block) this.pending.delete(original);
      }
    };
    try {
      await channels.commit.tracePromise(
        () => this.store.commit({ timeoutMs, signal }) as Promise<CommitReport>,
        { target, attempt },
      );
      durable();
    } catch (error) {
      if (error instanceof CommitError) {
        inFlight.note(error);
        if (signal.aborted) this.#finds = error.finds;
        // Too few copies, but the one that every reader takes.
        if (error.finds === 'new') durable();
      }
      throw error;
    } finally {
      latencies.record('commit', startedAt);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
