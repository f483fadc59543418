// Where the blocks of a history are, and were, while its table is in memory. A place that a block has had is no other block's,
// as the disk may still point to it; and a block gets one only from a call that may give it one.
import type { RemapEntry } from '../../../lib/format/structure.js';
import type { Shape } from './config.js';
import { Violation } from './expected.js';
import { canMove, canPlace, covers } from './judge.js';
import type { Operation, World } from './world.js';

export class Places {
  /** By the first sectors of the blocks. */
  readonly #now = new Map<number, number>();
  readonly #owners = new Map<number, number>();
  /** Places that were left for zeros: nobody gets them again, and no error on the spare tells of it. */
  left = 0;

  /** The table was read from the disk. */
  begin(entries: readonly RemapEntry[], shape: Shape): void {
    this.#now.clear();
    this.#owners.clear();
    this.left = 0;
    for (const [block, place] of blocksOf(entries, shape)) this.#put(block, place);
  }

  /** Whether one of its blocks has a place. */
  has(operation: Operation): boolean {
    return [...this.#now.keys()].some((block) => covers(operation, block));
  }

  /** Has to see every change while the call that has made it is under way. */
  look(world: World, entries: readonly RemapEntry[]): void {
    for (const [block, place] of blocksOf(entries, world.shape)) {
      const before = this.#now.get(block);
      if (before === place) continue;
      const owner = this.#owners.get(place) ?? block;
      if (owner !== block)
        throw new Violation(`sector ${block} gets the place ${place}, where sector ${owner} was`);
      const may = before === undefined ? canPlace : canMove;
      const calls = [...world.running].filter(
        (operation) => covers(operation, block) && may(world, operation),
      );
      if (calls.length === 0)
        throw new Violation(`sector ${block} gets the place ${place} through no call that may give it one`);
      if (before !== undefined && calls.some(({ kind }) => kind === 'read')) this.left++;
      this.#put(block, place);
    }
  }

  #put(block: number, place: number): void {
    this.#now.set(block, place);
    this.#owners.set(place, block);
  }
}

function* blocksOf(
  entries: readonly RemapEntry[],
  { sectors, blockSectors }: Shape,
): Generator<readonly [block: number, place: number]> {
  for (const { originalSector, spareSector } of entries) {
    const original = Number(originalSector);
    if (original < sectors && original % blockSectors === 0) yield [original, Number(spareSector)];
  }
}
