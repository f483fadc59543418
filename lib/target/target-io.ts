// Room: target. Reads and writes through the table. A request holds its sectors from its call to its settlement: a reader
// shares them, a writer has them alone (range-lock.ts), so that a write that is being remapped is overtaken by nobody.
import { DmremapError, type ErrorCode, type OperationError } from '../base/errors.js';
import type { RemapTable } from '../store/table/remap-table.js';
import { allOf, Effects, neverDone, type SectorRange, TargetError } from './effects.js';
import { type FailedBlock, type Medium, sectorBytes } from './medium.js';
import { type PendingBlocks, type Piece, piecesOf } from './pieces.js';
import type { RangeLock } from './range-lock.js';
import { type Block, blocksAt, type RemapWork } from './remap-work.js';
import type { TargetPolicy } from './target-options.js';

interface TargetIoParts {
  readonly table: RemapTable;
  readonly main: Medium;
  readonly spare: Medium;
  readonly blockSectors: number;
  readonly pending: PendingBlocks;
  readonly lock: RangeLock;
  readonly remap: RemapWork;
  readonly policy: TargetPolicy;
  /** Blocks of main that could not be read: their next write goes to the spare. */
  readonly suspects: Set<bigint>;
}

interface TargetWriteOptions {
  readonly durable: boolean;
  readonly unsettled: 'reject' | 'wait' | undefined;
}

/** Blocks of main, by their first sectors, and the error of the first of them. */
interface Failed {
  readonly originals: readonly bigint[];
  readonly error: OperationError;
}

export class TargetIo {
  readonly #parts: TargetIoParts;

  constructor(parts: TargetIoParts) {
    this.#parts = parts;
  }

  async read(first: bigint, count: number, signal: AbortSignal): Promise<Uint8Array> {
    const { lock, policy } = this.#parts;
    const bytes = new Uint8Array(count * sectorBytes);
    const release = await lock.acquire(first, first + BigInt(count), false, signal);
    let failed: Failed | undefined;
    try {
      failed = await this.#readPieces(first, count, bytes, signal);
    } finally {
      release();
    }
    if (failed === undefined) return bytes;
    if (policy.onReadError === 'remap-zero') {
      await this.#zero(this.#blocks(failed.originals, first, bytes), signal);
      return bytes;
    }
    throw this.#unreadable(failed, bytes);
  }

  /** Reads and drops. What cannot be read is a suspect where the policy says so, and never remapped for that. */
  async verify(first: bigint, count: number, signal: AbortSignal): Promise<void> {
    const release = await this.#parts.lock.acquire(first, first + BigInt(count), false, signal);
    try {
      const failed = await this.#readPieces(first, count, new Uint8Array(count * sectorBytes), signal);
      if (failed !== undefined) throw this.#unreadable(failed);
    } finally {
      release();
    }
  }

  /** @param bytes nobody else's: they must not change until this has settled. */
  async write(
    first: bigint,
    bytes: Uint8Array,
    options: TargetWriteOptions,
    signal: AbortSignal,
  ): Promise<void> {
    const { lock, remap, policy } = this.#parts;
    const count = bytes.length / sectorBytes;
    const effects = new Effects();
    const release = await lock.acquire(first, first + BigInt(count), true, signal);
    try {
      const failed = await this.#writePieces(first, bytes, options, effects, signal);
      if (failed === undefined) return;
      if (policy.onWriteError === 'report') throw this.#sectorError('ERR_IO', 'write', failed, effects);
      try {
        await remap.place(this.#blocks(failed.originals, first, bytes), effects, signal);
      } catch (cause) {
        if (!(cause instanceof DmremapError) || !cannotPlace.has(cause.code)) throw cause;
        throw this.#sectorError(cause.code, 'write', failed, effects, undefined, cause);
      }
      for (const original of failed.originals) this.#parts.suspects.delete(original);
    } catch (error) {
      throw error instanceof TargetError ? error : effects.errorFor(error);
    } finally {
      release();
    }
  }

  /** Of both devices; where one fails, the other is waited for too. */
  async flush(signal: AbortSignal): Promise<void> {
    const { main, spare } = this.#parts;
    const effects = new Effects();
    try {
      await allOf([main, spare].map((medium) => medium.flush(effects, signal)));
    } catch (error) {
      throw effects.errorFor(error);
    }
  }

  /** Moves a block of main to the spare as it is. */
  async move(original: bigint, signal: AbortSignal): Promise<void> {
    const { lock, main, remap, blockSectors, table } = this.#parts;
    const effects = new Effects();
    const release = await lock.acquire(original, original + BigInt(blockSectors), true, signal);
    try {
      if (table.lookup(original) !== undefined) throw new DmremapError('ERR_ORIGINAL_MAPPED');
      // What would land on main after it was read would be lost.
      if (main.isUnsettled(original, blockSectors)) throw neverDone('ERR_RANGE_UNSETTLED');
      const bytes = new Uint8Array(blockSectors * sectorBytes);
      const failed = await this.#readPieces(original, blockSectors, bytes, signal);
      if (failed !== undefined) throw this.#sectorError('ERR_IO', 'read', failed, effects);
      await remap.place([{ original, bytes }], effects, signal);
    } catch (error) {
      throw error instanceof TargetError ? error : effects.errorFor(error);
    } finally {
      release();
    }
  }

  async #readPieces(
    first: bigint,
    count: number,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<Failed | undefined> {
    const { main, spare, pending } = this.#parts;
    const failed = await allOf(
      this.#pieces(first, count).map(async (piece) => {
        const before = piece.place === 'pending' ? pending.get(piece.original)?.before : undefined;
        const onMain = piece.place === 'main' || piece.place === 'suspect' || before === 'main';
        const at = before === undefined ? piece.sector : before === 'main' ? piece.original : before;
        const blocks = await (onMain ? main : spare).read(at, partOf(piece, first, bytes), signal);
        return originalsOf(blocks, piece.original - at);
      }),
    );
    return failedOf(failed.flat());
  }

  async #writePieces(
    first: bigint,
    bytes: Uint8Array,
    { durable, unsettled }: TargetWriteOptions,
    effects: Effects,
    signal: AbortSignal,
  ): Promise<Failed | undefined> {
    const { main, spare, remap } = this.#parts;
    const options = { durable, unsettled, signal };
    const failed = await allOf(
      this.#pieces(first, bytes.length / sectorBytes).map(async (piece) => {
        const part = partOf(piece, first, bytes);
        if (piece.place === 'pending') {
          const block = { original: piece.original, bytes: part };
          await remap.rewrite(block, unsettled, effects, signal);
          return [];
        }
        if (piece.place === 'suspect') {
          // A part of the request too: where it gets no place, the request is not written.
          effects.wrote('untouched');
          return [{ sector: piece.original, error: unread(piece) }];
        }
        const medium = piece.place === 'main' ? main : spare;
        const blocks = await medium.write(piece.sector, part, options, effects);
        return originalsOf(blocks, piece.original - piece.sector);
      }),
    );
    return failedOf(failed.flat());
  }

  #unreadable(failed: Failed, bytes?: Uint8Array): TargetError {
    const { policy, suspects } = this.#parts;
    if (policy.onReadError === 'remap-on-write') {
      for (const original of failed.originals) suspects.add(original);
    }
    return this.#sectorError('ERR_IO', 'read', failed, new Effects(), bytes);
  }

  /** The data of these blocks is lost, and the caller has asked for that: zeros from now on, on the spare. */
  async #zero(blocks: readonly Block[], signal: AbortSignal): Promise<void> {
    const { lock, remap, blockSectors } = this.#parts;
    await allOf(
      blocks.map(async ({ original, bytes }) => {
        const effects = new Effects();
        const release = await lock.acquire(original, original + BigInt(blockSectors), true, signal);
        try {
          // Somebody may have written it meanwhile: then that is what was read.
          const failed = await this.#readPieces(original, blockSectors, bytes, signal);
          if (failed !== undefined) await remap.place([{ original, bytes: bytes.fill(0) }], effects, signal);
        } catch (error) {
          throw error instanceof TargetError ? error : effects.errorFor(error);
        } finally {
          release();
        }
      }),
    );
  }

  #pieces(first: bigint, count: number): Piece[] {
    const { table, blockSectors } = this.#parts;
    return piecesOf(table, this.#parts, BigInt(blockSectors), first, BigInt(count));
  }

  #blocks(originals: readonly bigint[], first: bigint, bytes: Uint8Array): Block[] {
    return blocksAt(originals, this.#parts.blockSectors, first, bytes);
  }

  #sectorError(
    code: ErrorCode,
    kind: 'read' | 'write',
    { originals, error }: Failed,
    effects: Effects,
    bytes?: Uint8Array,
    cause?: unknown,
  ): TargetError {
    const sectors = rangesOf(originals, BigInt(this.#parts.blockSectors));
    const where = sectors.map(({ sector, count }) => (count === 1n ? `${sector}` : `${sector}+${count}`));
    const shown =
      where.length > 8 ? `${where.slice(0, 8).join(', ')} and ${where.length - 8} more` : where.join(', ');
    const why = cause instanceof DmremapError ? `, and cannot be remapped: ${cause.message}` : '';
    const message = `sectors ${shown} cannot be ${kind === 'read' ? 'read' : 'written'} (${error.errno ?? error.code})${why}`;
    const wrapped = new DmremapError(code, message, { cause: cause ?? error, errno: error.errno });
    return effects.errorFor(wrapped, { sectors, ...(bytes === undefined ? {} : { bytes }) }) as TargetError;
  }
}

/** Why a remap cannot be made; the request then fails with it, and names the sectors. */
const cannotPlace: ReadonlySet<ErrorCode> = new Set([
  'ERR_TABLE_FULL',
  'ERR_SPARE_EXHAUSTED',
  'ERR_IO',
  'ERR_SHORT_TRANSFER',
]);

const unread = ({ original }: Piece) => neverDone('ERR_IO', `sector ${original} could not be read before`);

function partOf({ original, count }: Piece, first: bigint, bytes: Uint8Array): Uint8Array {
  const from = Number(original - first) * sectorBytes;
  return bytes.subarray(from, from + Number(count) * sectorBytes);
}

const originalsOf = (blocks: readonly FailedBlock[], toMain: bigint): FailedBlock[] =>
  blocks.map(({ sector, error }) => ({ sector: sector + toMain, error }));

function failedOf(blocks: readonly FailedBlock[]): Failed | undefined {
  const [first] = blocks;
  return first && { originals: blocks.map(({ sector }) => sector), error: first.error };
}

/** Neighbours joined, rising. */
function rangesOf(originals: readonly bigint[], blockSectors: bigint): SectorRange[] {
  const ranges: { sector: bigint; count: bigint }[] = [];
  for (const sector of [...originals].sort((a, b) => (a < b ? -1 : 1))) {
    const last = ranges.at(-1);
    if (last !== undefined && last.sector + last.count === sector) last.count += blockSectors;
    else ranges.push({ sector, count: blockSectors });
  }
  return ranges;
}
