// Room: store, pure part. Tables for devices whose logical blocks are larger than a sector: the sectors of a block stand
// together on the spare, in their order, from the beginning of a block on (format.md rule 13). The module matches the
// first sector of a request, and no request begins inside a block: of other entries it uses none, or a part (format.md section 5).
import { type Sector, sector } from '../../base/units.js';
import type { RemapEntry } from '../../format/structure.js';
import type { RemapTable } from './remap-table.js';

/** Whether the block that `original` lies in is mapped as a whole. `blockSectors` is its length. */
export function isWholeBlock(
  lookup: (original: Sector) => Sector | undefined,
  original: bigint,
  blockSectors: bigint,
): boolean {
  const first = original - (original % blockSectors);
  const place = lookup(sector(first));
  if (place === undefined || place % blockSectors !== 0n) return false;
  for (let at = 1n; at < blockSectors; at++) {
    if (lookup(sector(first + at)) !== place + at) return false;
  }
  return true;
}

/** The originals, in force, of blocks that are mapped in part or apart; in the order of the disk. */
export function brokenBlocks(entries: Iterable<RemapEntry>, blockSectors: bigint): Sector[] {
  if (blockSectors <= 1n) return [];
  const places = new Map(Array.from(entries, (entry) => [entry.originalSector, entry.spareSector]));
  return [...places.keys()].filter(
    (original) => !isWholeBlock((one) => places.get(one), original, blockSectors),
  );
}

/**
 * Where to put those of `originals` that make whole blocks: a block together, at the free place that is the next one when the first of
 * it is asked for. Undefined for the others. Takes no place: `add` does, by name.
 */
export function blockPlaces(
  table: RemapTable,
  originals: readonly bigint[],
  blockSectors: bigint,
): (original: bigint) => Sector | undefined {
  const wanted = new Set(originals);
  const places = new Map<bigint, Sector>();
  const sectors = Array.from({ length: Number(blockSectors) }, (_, at) => BigInt(at));
  return (original) => {
    const first = original - (original % blockSectors);
    if (!places.has(original) && blockSectors > 1n && sectors.every((at) => wanted.has(first + at))) {
      const place = table.reserve();
      table.release(place);
      for (const at of sectors) places.set(first + at, sector(place + at));
    }
    return places.get(original);
  };
}
