// Room: store, pure part. What may be wrong with a table. Only effective entries are judged: an overridden
// duplicate maps nothing. Time and space follow the entries (at most 2048), never a number in one.
import type { Sector } from '../../base/units.js';
import { type Geometry, touchesMetadata } from '../../format/geometry.js';
import type { Header, RemapEntry } from '../../format/structure.js';
import { effectiveEntries } from '../table/table.js';
import { brokenBlocks } from '../table/whole-blocks.js';
import { type EntryLint, entryLint } from './lint.js';

interface Place {
  readonly index: number;
  readonly originalSector: Sector;
  readonly spareSector: Sector;
}

/**
 * The lints of one table, judged by the sizes in its own header and the slots of `geometry`.
 * @param blockBytes of the spare at hand; left out where there is none.
 */
export function entryLints(
  header: Header,
  entries: readonly RemapEntry[],
  geometry: Geometry,
  blockBytes?: number,
): EntryLint[] {
  const effective = effectiveEntries(entries);
  const places = entries.map(({ originalSector, spareSector }, index) => ({
    index,
    originalSector,
    spareSector,
  }));
  const judged = places.filter(({ index }) => effective[index]);
  // As a rule no two spare sectors are close, and sorting them tells.
  const close = anyClose(judged);
  const bySpare = close ? groupBySpare(judged) : undefined;
  const begin = close ? beginnings(judged, entries, blockBytes) : [];
  const beginBySpare = groupBySpare(begin);
  const begins = new Set(begin);
  return [
    ...(judged.length < places.length ? duplicateOriginals(places, effective) : []),
    ...judged.flatMap((place) => {
      const lints = boundsLints(place, header, geometry);
      if (bySpare === undefined) return lints;
      const neighbours = begins.has(place) ? spareNeighbour(place, beginBySpare) : [];
      return [...lints, ...duplicateSpare(place, bySpare), ...neighbours];
    }),
  ];
}

function duplicateOriginals(places: readonly Place[], effective: readonly boolean[]): EntryLint[] {
  const last = new Map(places.map(({ originalSector, index }) => [originalSector, index]));
  return places
    .filter(({ index }) => !effective[index])
    .map(({ originalSector, index }) =>
      entryLint(
        'duplicate-original',
        index,
        `Entry ${index} maps original sector ${originalSector}, which entry ${last.get(originalSector)} ` +
          `maps again: the later entry is the one in force.`,
      ),
    );
}

function boundsLints(place: Place, header: Header, geometry: Geometry): EntryLint[] {
  const { index, originalSector, spareSector } = place;
  const lints: EntryLint[] = [];
  if (touchesMetadata(geometry, spareSector)) {
    lints.push(
      entryLint(
        'spare-inside-metadata',
        index,
        `Entry ${index} keeps its data in spare sector ${spareSector}, inside the metadata region: ` +
          `writing the metadata destroys it.`,
      ),
    );
  }
  if (originalSector >= header.mainDeviceSectors) {
    lints.push(
      entryLint(
        'original-out-of-range',
        index,
        `Entry ${index} maps original sector ${originalSector}, but the main device has ` +
          `${header.mainDeviceSectors} sectors.`,
      ),
    );
  }
  if (spareSector >= header.spareDeviceSectors) {
    lints.push(
      entryLint(
        'spare-out-of-range',
        index,
        `Entry ${index} uses spare sector ${spareSector}, but the spare device has ` +
          `${header.spareDeviceSectors} sectors.`,
      ),
    );
  }
  return lints;
}

//  A request that starts on a remapped sector goes WHOLE to the spare (format.md rule 12).
const neighbourSectors = 7n;

/** Whether there is a spare sector with another one on it, or among its neighbours. */
function anyClose(places: readonly Place[]): boolean {
  const spares = BigUint64Array.from(places, ({ spareSector }) => spareSector).sort();
  for (let at = 1; at < spares.length; at += 1) {
    if ((spares[at] as bigint) - (spares[at - 1] as bigint) <= neighbourSectors) return true;
  }
  return false;
}

type BySpare = ReadonlyMap<Sector, readonly Place[]>;

const longestRequest = neighbourSectors + 1n;

/**
 * The places that a request can begin at. On disks with blocks of 4,096 bytes that is the first sector of a block, so a whole group
 * of eight is one place. Where the disk is not at hand, whole groups speak for such a disk: nothing makes them on another one.
 */
function beginnings(
  judged: readonly Place[],
  entries: readonly RemapEntry[],
  blockBytes = Number(longestRequest) * 512,
): readonly Place[] {
  const blockSectors = BigInt(blockBytes / 512);
  if (blockSectors < longestRequest) return judged;
  const broken = new Set(brokenBlocks(entries, blockSectors));
  return judged.filter(
    ({ originalSector }) => originalSector % blockSectors === 0n || broken.has(originalSector),
  );
}

function groupBySpare(places: readonly Place[]): BySpare {
  const groups = new Map<Sector, Place[]>();
  for (const place of places) {
    const group = groups.get(place.spareSector);
    if (group === undefined) groups.set(place.spareSector, [place]);
    else group.push(place);
  }
  return groups;
}

function duplicateSpare(place: Place, bySpare: BySpare): EntryLint[] {
  const first = bySpare.get(place.spareSector)?.[0];
  if (first === undefined || first.index === place.index) return [];
  return [
    entryLint(
      'duplicate-spare',
      place.index,
      `Entries ${first.index} and ${place.index} map original sectors ${first.originalSector} and ` +
        `${place.originalSector} to the same spare sector ${place.spareSector}: each overwrites the other.`,
    ),
  ];
}

/** One lint for an entry that has an earlier one closer than eight sectors, and not shifted as the originals are. */
function spareNeighbour(place: Place, bySpare: BySpare): EntryLint[] {
  for (let distance = -neighbourSectors; distance <= neighbourSectors; distance += 1n) {
    if (distance === 0n) continue; //  That is duplicate-spare.
    const group = bySpare.get((place.spareSector + distance) as Sector) ?? [];
    //  Effective originals are all different, so at most one of a group is shifted alike: two looks are enough.
    const other = group
      .slice(0, 2)
      .find(
        ({ index, originalSector }) =>
          index < place.index && originalSector - place.originalSector !== distance,
      );
    if (other !== undefined) return [neighbourLint(other, place)];
  }
  return [];
}

const neighbourLint = (earlier: Place, later: Place): EntryLint =>
  entryLint(
    'spare-neighbour',
    later.index,
    `Entries ${earlier.index} and ${later.index} use spare sectors ${earlier.spareSector} and ` +
      `${later.spareSector}, less than 8 apart: a longer request to one overwrites the other.`,
  );
