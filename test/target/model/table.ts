// What every table of a history has to be: entries of whole blocks, each with a place of its own, none in the metadata.
import type { RemapEntry } from '../../../lib/format/structure.js';
import type { Shape } from './config.js';
import { firstPlace, placeSectors } from './disks.js';
import { Violation } from './expected.js';

export function checkTable(entries: readonly RemapEntry[], shape: Shape, mapped: ReadonlySet<number>): void {
  const { blockSectors, sectors, fillers } = shape;
  const places = new Map<number, number>();
  const spares = new Map<number, number>();
  for (const entry of entries) {
    const original = Number(entry.originalSector);
    const spare = Number(entry.spareSector);
    const say = (what: string) => new Violation(`the entry of sector ${original} at ${spare} ${what}`);
    if (spares.has(original)) throw say('is one of two');
    spares.set(original, spare);
    if (original >= sectors + fillers) throw say('is of no sector of main');
    if (original >= sectors) continue;
    if (spare < firstPlace) throw say('lies in the metadata');
    if (spare % placeSectors !== original % blockSectors) throw say('is not where its block is');
    const block = original - (original % blockSectors);
    const place = Math.floor(spare / placeSectors);
    const other = places.get(place) ?? block;
    if (other !== block) throw say(`shares its place with sector ${other}`);
    places.set(place, block);
  }
  for (const [original, spare] of spares) {
    if (original >= sectors) continue;
    const block = original - (original % blockSectors);
    if (spares.get(block) !== spare - (original - block)) {
      throw new Violation(`the entry of sector ${original} is not with its block`);
    }
  }
  if (fillers > 0 && spares.size - places.size * blockSectors !== fillers) {
    throw new Violation('entries are gone that nobody has touched');
  }
  for (const block of mapped) {
    if (!spares.has(block))
      throw new Violation(`the remap of sector ${block} is gone, and was told as durable`);
  }
}

/** Adds where the blocks are. */
export function placesOf(
  entries: readonly RemapEntry[],
  { sectors, blockSectors }: Shape,
  into: Map<number, Set<number>>,
): void {
  for (const { originalSector, spareSector } of entries) {
    const original = Number(originalSector);
    if (original >= sectors || original % blockSectors !== 0) continue;
    const places = into.get(original) ?? new Set();
    into.set(original, places.add(Number(spareSector)));
  }
}
