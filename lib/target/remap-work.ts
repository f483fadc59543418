// Room: target. Moving blocks to the spare, data first (docs/lifecycle.md): the data is durable in a place that no entry
// points to before the entry is added, and the entry is durable before anybody is told. A crash in between leaves the old
// table, and a place on the spare that is free.
import { DmremapError, OperationError } from '../base/errors.js';
import { type Sector, sector, unixNanoseconds } from '../base/units.js';
import type { WriteOptions } from '../device/device.js';
import { remapEntry } from '../format/metadata.js';
import type { RemapTable } from '../store/table/remap-table.js';
import { Effects, throwIfAborted } from './effects.js';
import { type Medium, sectorBytes } from './medium.js';
import { channels } from './observability.js';
import type { PendingBlocks } from './pieces.js';
import type { SyncWork } from './sync-work.js';

/** A logical block and what it is to hold. */
export interface Block {
  /** First sector on main. */
  readonly original: bigint;
  readonly bytes: Uint8Array;
}

interface Stored extends Block {
  readonly place: Sector;
}

/** Places of the spare that are tried for one block before the spare counts as bad. */
const maxPlaces = 8;

interface RemapWorkParts {
  readonly table: RemapTable;
  readonly spare: Medium;
  readonly blockSectors: number;
  readonly pending: PendingBlocks;
  readonly sync: SyncWork;
  /** For the messages of the diagnostics channel. */
  readonly target: object;
}

export class RemapWork {
  readonly #parts: RemapWorkParts;

  constructor(parts: RemapWorkParts) {
    this.#parts = parts;
  }

  /**
   * Gives blocks a place on the spare, or another one, and resolves when that is durable. The caller has them locked.
   * Rejections: ERR_TABLE_FULL, ERR_SPARE_EXHAUSTED, ERR_IO where no place could be written, ERR_TARGET_DEGRADED, and what
   * `signal` asks for.
   */
  place(blocks: readonly Block[], effects: Effects, signal: AbortSignal): Promise<void> {
    const { target } = this.#parts;
    const sectors = blocks.map(({ original }) => original);
    return channels.remap.tracePromise(() => this.#place(blocks, effects, signal), { target, sectors });
  }

  async #place(blocks: readonly Block[], effects: Effects, signal: AbortSignal): Promise<void> {
    const { table, sync } = this.#parts;
    this.#checkRoom(blocks);
    const stored = await this.#store(blocks, signal);
    try {
      throwIfAborted(signal);
      this.#checkRoom(blocks);
      for (const block of stored) this.#enter(block);
    } finally {
      // Where an entry is there by now, the place is its own.
      for (const { place } of stored) table.release(place);
    }
    sync.markDirty();
    await this.#durable(effects, signal);
  }

  /**
   * Writes to a block whose entry is in the table and not known to be durable, and resolves when both are.
   * Rejections: those of `place`.
   */
  async rewrite(
    block: Block,
    unsettled: WriteOptions['unsettled'],
    effects: Effects,
    signal: AbortSignal,
  ): Promise<void> {
    const { table, spare } = this.#parts;
    const at = table.lookup(block.original) as Sector;
    const failed = await spare.write(at, block.bytes, { unsettled, signal }, effects).catch((error) => {
      // Data that is there and not pointed to is not written yet.
      if (!(error instanceof OperationError && error.outcome === 'untouched')) effects.wrote('unknown');
      throw error;
    });
    if (failed.length > 0) await this.place([block], effects, signal);
    else await this.#durable(effects, signal);
  }

  async #durable(effects: Effects, signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.sync.whenClean(signal);
    } catch (error) {
      // The entry can be on the disk, now or later, and with it the data.
      effects.wrote('unknown');
      throw error;
    }
  }

  #checkRoom(blocks: readonly Block[]): void {
    const { table, blockSectors } = this.#parts;
    const added = blocks.filter(({ original }) => table.lookup(original) === undefined).length;
    if (table.size + added * blockSectors > table.capacity) throw new DmremapError('ERR_TABLE_FULL');
  }

  /** All of them, or none. */
  async #store(blocks: readonly Block[], signal: AbortSignal): Promise<Stored[]> {
    const settled = await Promise.allSettled(blocks.map((block) => this.#storeOne(block, signal)));
    const stored = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed === undefined) return stored;
    for (const { place } of stored) this.#parts.table.release(place);
    throw failed.reason;
  }

  async #storeOne(block: Block, signal: AbortSignal): Promise<Stored> {
    const { table, spare } = this.#parts;
    // Not the request's: no entry points there, so nobody sees what becomes of it.
    const effects = new Effects();
    for (let tries = 1; ; tries++) {
      const place = this.#reserve();
      try {
        const [failed] = await spare.write(place, block.bytes, { signal }, effects);
        if (failed === undefined) return { ...block, place };
        // It stays reserved: nothing is put there again.
        if (tries === maxPlaces) throw failed.error;
      } catch (error) {
        // What is in flight may still land there.
        if (error instanceof OperationError && tries < maxPlaces) {
          error.whenDrained(() => table.release(place));
        }
        throw error;
      }
    }
  }

  /** A free place where nothing may still land that was given up: a target of before may have left that behind. */
  #reserve(): Sector {
    const { table, spare, blockSectors } = this.#parts;
    const passedOver: Sector[] = [];
    try {
      for (;;) {
        const place = table.reserve();
        if (!spare.isUnsettled(place, blockSectors)) return place;
        passedOver.push(place);
      }
    } finally {
      for (const place of passedOver) table.release(place);
    }
  }

  /** The entries of a block, all its sectors in one go: no commit can come in between. */
  #enter({ original, place }: Stored): void {
    const { table, pending, blockSectors } = this.#parts;
    const old = table.lookup(original);
    // The old place is bad, and until the new entry is durable the disk may still point to it.
    if (old !== undefined) table.reserve(old);
    const before = pending.get(original)?.before ?? old ?? 'main';
    const now = unixNanoseconds(BigInt(Date.now()) * 1_000_000n);
    for (let at = 0n; at < BigInt(blockSectors); at++) {
      if (old !== undefined) table.remove(original + at);
      table.insert(
        remapEntry({
          originalSector: sector(original + at),
          spareSector: sector(place + at),
          remapTimestampNs: now,
        }),
      );
    }
    pending.set(original, { before });
  }
}

/** The blocks of a range that begin at `sectors`, with their part of its bytes. */
export function blocksAt(
  sectors: readonly bigint[],
  blockSectors: number,
  first: bigint,
  bytes: Uint8Array,
): Block[] {
  const blockBytes = blockSectors * sectorBytes;
  return sectors.map((original) => {
    const from = Number(original - first) * sectorBytes;
    return { original, bytes: bytes.subarray(from, from + blockBytes) };
  });
}
