// One history's world: the disks, the target on them, what is under way, and what is expected. Everything that happens has a
// number, in the order in which it happened.
import type { Cancellable } from '../../../lib/base/cancellable.js';
import { DmremapError } from '../../../lib/base/errors.js';
import type { Fault } from '../../../lib/device/lying-device.js';
import { RemapTarget } from '../../../lib/target/remap-target.js';
import { Clock, turns } from './clock.js';
import { type Config, firstImages, firstValue, now, type Shape, shapes } from './config.js';
import { Disks, firstPlace } from './disks.js';
import { Expected, Violation } from './expected.js';
import { Places } from './places.js';
import { checkTable, placesOf } from './table.js';

export type Kind =
  | 'read'
  | 'write'
  | 'remap'
  | 'sync'
  | 'flush'
  | 'open'
  | 'resume'
  | 'presuspend'
  | 'destroy';

/** A call that has not settled. */
export interface Operation {
  readonly order: number;
  readonly kind: Kind;
  /** Sectors of main; 0 where it is not about sectors. */
  readonly first: number;
  readonly count: number;
  readonly cancel: (() => void) | undefined;
  /** Whether something of before, on its sectors if it has any, could still land when it was called. */
  readonly unsettledBefore: boolean;
  aborted: boolean;
  /** It has to settle, whatever the devices do. */
  ending: boolean;
}

/** Deadlines and pauses of the sync work, on the clock of the history. */
export const sync = { writeTimeoutMs: 10, attempts: 2, backoffMs: 5 };

export class World {
  readonly config: Config;
  readonly shape: Shape;
  readonly clock = new Clock();
  readonly expected: Expected;
  /** Blocks, by their first sectors, whose remap was told as durable. */
  readonly mapped = new Set<number>();
  /** Blocks that a read has named, and that the next write takes to the spare for that. */
  readonly suspects = new Map<number, number>();
  /** Where a block's data has ever been on the spare. */
  readonly placesOf = new Map<number, Set<number>>();
  readonly places = new Places();
  readonly running = new Set<Operation>();
  /** Rejections whose `drained` has not resolved. */
  undrained = 0;
  disks: Disks;
  target: RemapTarget | undefined;
  /** When something was given up that a device may still have; when the target last was not active; when it was destroyed. */
  abortedAt = 0;
  inactiveAt = 0;
  destroyedAt = 0;
  /** When the table in memory was made. */
  activeSince = 0;
  /** A target of before has left something in flight that this one does not know of. */
  inherited = false;
  #life = 0;
  #now = firstValue;
  #violation: unknown;

  private constructor(config: Config, disks: Disks) {
    this.config = config;
    this.shape = shapes[config.shape];
    this.disks = disks;
    this.expected = new Expected(this.shape.sectors, firstValue);
  }

  static async boot(config: Config): Promise<World> {
    const { logicalBlockSize } = shapes[config.shape];
    const disks = new Disks(await firstImages(config.shape), { logicalBlockSize, seed: config.seed });
    const world = new World(config, disks);
    try {
      world.took(await world.open());
      const { blockSectors } = world.shape;
      for (const block of config.bad) {
        const fault = { fault: 'error', errno: 'EIO' } as const;
        disks.lay('main', 'write', fault, [block * blockSectors, blockSectors], world.next());
      }
      if (config.copies !== 'fine') {
        const fault: Fault = config.copies === 'late' ? { fault: 'late' } : { fault: 'error', errno: 'EIO' };
        disks.lay('spare', 'write', fault, [0, firstPlace], world.next());
      }
      return world;
    } catch (error) {
      world.clock.restore();
      throw error;
    }
  }

  get now(): number {
    return this.#now;
  }

  next(): number {
    return ++this.#now;
  }

  open(): Cancellable<RemapTarget> {
    const { onReadError, onWriteError } = this.config;
    return RemapTarget.open({ ...this.sides, now, sync, onReadError, onWriteError });
  }

  get sides() {
    const { main, spare } = this.disks;
    return { main, spare };
  }

  /** There is a target, and it is active. */
  took(target: RemapTarget): void {
    this.target = target;
    this.inherited = this.isUnsettled;
    this.suspects.clear();
    this.becameActive();
  }

  becameActive(): void {
    this.activeSince = this.next();
    this.disks.spare.failedData = 0;
    this.places.begin(this.target?.entries() ?? [], this.shape);
    this.look();
  }

  violated(error: unknown): void {
    this.#violation ??= error;
  }

  /** Follows a call to its settlement, and judges it then and there, while what it was about is still so. */
  follow<T>(
    kind: Kind,
    [first, count]: readonly [number, number],
    call: () => Promise<T> | Cancellable<T>,
    judge: {
      done(value: T, operation: Operation): void;
      failed(error: DmremapError, operation: Operation): void;
    },
  ): Operation {
    const life = this.#life;
    const isEnding = [...this.running].some(({ ending }) => ending);
    const unsettledBefore =
      count > 0
        ? this.isUnsettledOn(first, count)
        : isEnding || this.isUnsettled || (this.target?.status().inFlight ?? 0) > 0;
    const order = this.next();
    const promise = call();
    const cancel = 'cancel' in promise ? () => promise.cancel() : undefined;
    const operation: Operation = {
      order,
      kind,
      first,
      count,
      cancel,
      unsettledBefore,
      aborted: false,
      ending: kind === 'presuspend' || kind === 'destroy',
    };
    this.running.add(operation);
    const settle = (tell: () => void) => {
      if (life === this.#life) {
        this.#guarded(() => this.look());
        this.#guarded(tell);
      }
      this.running.delete(operation);
    };
    promise.then(
      (value) => settle(() => judge.done(value, operation)),
      (error: unknown) =>
        settle(() => {
          const code = (error as { code?: unknown } | undefined)?.code;
          if (!(error instanceof DmremapError))
            throw new Violation(`${kind} ${order} fails with ${String(code ?? error)}`, { cause: error });
          judge.failed(error, operation);
        }),
    );
    return operation;
  }

  /** Calls `tell` when `drained` has resolved, unless the power goes before. */
  drain<T>(drained: Promise<T>, tell: (final: T) => void): void {
    const life = this.#life;
    this.undrained++;
    void drained.then((final) => {
      if (life !== this.#life) return;
      this.undrained--;
      this.#guarded(() => tell(final));
    });
  }

  get isUnsettled(): boolean {
    const { main, spare } = this.disks;
    return [main, spare].some((device) => device.isUnsettled(0n, Number(device.info.sizeBytes)));
  }

  /** Whether a write that was given up may still land where these sectors are, or have been. */
  isUnsettledOn(first: number, count: number): boolean {
    const { main, spare } = this.disks;
    if (main.isUnsettled(BigInt(first * 512), count * 512)) return true;
    return [...this.placesOf].some(([block, places]) => {
      if (block < first || block >= first + count) return false;
      const bytes = this.shape.blockSectors * 512;
      return [...places].some((place) => spare.isUnsettled(BigInt(place * 512), bytes));
    });
  }

  /** After each command: throws what was found meanwhile. */
  check(): void {
    this.#guarded(() => this.look());
    if (this.#violation !== undefined) throw this.#violation;
  }

  look(): void {
    if (this.target?.state !== 'active') return;
    const entries = this.target.entries();
    placesOf(entries, this.shape, this.placesOf);
    checkTable(entries, this.shape, this.mapped);
    // Until it is told, a new table is not known as that.
    if (![...this.running].some(({ kind }) => kind === 'resume')) this.places.look(this, entries);
  }

  /** Turns until nothing happens any more. What is given up, and what nothing holds, has to have settled by then. */
  async quiet(): Promise<void> {
    let before = '';
    for (let same = 0; same < 8; ) {
      await turns(1);
      const { main, spare } = this.disks;
      const after = JSON.stringify([main.count, spare.count, [...this.running].map(({ order }) => order)]);
      same = after === before ? same + 1 : 0;
      before = after;
    }
    const isFree = this.disks.holding.size === 0 && this.clock.size === 0;
    for (const { kind, order, ending } of this.running) {
      if (ending || isFree) throw new Violation(`${kind} ${order} hangs`);
    }
    this.check();
  }

  /** Power off and on: the disks as they are then, and nothing that was under way. */
  async powerCut(): Promise<void> {
    const { logicalBlockSize } = this.shape;
    const { disks, target } = this;
    this.check();
    const images = disks.images();
    this.#life++;
    this.expected.powerCut();
    this.undrained = 0;
    // What is in memory goes too, but that it can be ended is a promise of its own.
    for (const operation of this.running) operation.cancel?.();
    void target?.destroy();
    await this.quiet();
    for (const device of [disks.main, disks.spare]) device.resume();
    disks.holding.clear();
    await this.quiet();
    if (this.running.size > 0) throw new Violation('something hangs after the power was cut');
    this.disks = new Disks(images, { logicalBlockSize, seed: this.next() });
    this.abortedAt = 0;
    this.destroyedAt = 0;
    this.target = undefined;
    this.placesOf.clear();
    this.took(await this.open());
  }

  async dispose(): Promise<void> {
    const { main, spare } = this.disks;
    this.#life++;
    for (const operation of this.running) operation.cancel?.();
    void this.target?.destroy();
    for (const device of [main, spare]) device.resume();
    await turns(20);
    this.clock.restore();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.violated(error);
    }
  }
}
