// Room: target, pure part. Where each part of a request goes: to main, to the spare, or to a block of its own kind:
//
//   pending   its remap is in the table and not known to be durable. It is read where it was before, so that nothing is seen
//             that a crash could take back, and written to its new place, which is acknowledged with the entry
//   suspect   it is on main and could not be read: where the policy says so, its next write goes to the spare
import type { Sector } from '../base/units.js';
import type { RemapTable } from '../store/table/remap-table.js';

/** A remap that is in the table and not known to be durable. */
interface PendingBlock {
  /** Where the block is on the disk if the entry is not: on main, or at this sector of the spare. */
  readonly before: 'main' | Sector;
}

/** By the first sector of the block on main. */
export type PendingBlocks = Map<bigint, PendingBlock>;

export interface Piece {
  readonly place: 'main' | 'spare' | 'pending' | 'suspect';
  /** First sector of main that it stands for, and of the device that it is on. */
  readonly original: bigint;
  readonly sector: bigint;
  readonly count: bigint;
}

/** What is known of blocks beside the table, by their first sectors on main. */
interface Marks {
  readonly pending: PendingBlocks;
  readonly suspects: ReadonlySet<bigint>;
}

/** @param first, count whole blocks of `blockSectors`, on main. */
export function piecesOf(
  table: RemapTable,
  { pending, suspects }: Marks,
  blockSectors: bigint,
  first: bigint,
  count: bigint,
): Piece[] {
  let original = first;
  const pieces: Piece[] = [];
  for (const { device, sector, count: length } of table.lookupRange(first, count)) {
    const piece: Piece = { place: device, original, sector, count: length };
    original += length;
    const marked = device === 'main' ? suspects : pending;
    if (marked.size === 0) pieces.push(piece);
    else pieces.push(...split(piece, marked, device === 'main' ? 'suspect' : 'pending', blockSectors));
  }
  return pieces;
}

function* split(
  piece: Piece,
  marked: { has(original: bigint): boolean },
  place: Piece['place'],
  blockSectors: bigint,
): Generator<Piece> {
  let from = 0n;
  for (let at = 0n; at < piece.count; at += blockSectors) {
    if (!marked.has(piece.original + at)) continue;
    if (at > from) yield part(piece, from, at);
    yield { ...part(piece, at, at + blockSectors), place };
    from = at + blockSectors;
  }
  if (from < piece.count) yield part(piece, from, piece.count);
}

const part = (piece: Piece, from: bigint, to: bigint): Piece => ({
  ...piece,
  original: piece.original + from,
  sector: piece.sector + from,
  count: to - from,
});
