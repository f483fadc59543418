// Room: bench. Lookups and splits in a table of remaps: ours, and what a user would take instead. Each side is asked the same
// questions, in the same order, about the same entries.
import { remapEntry } from '../../dist/format/metadata.js';
import { RemapTable } from '../../dist/store/table/remap-table.js';
import { random } from '../frame/random.mjs';

/** A main device of 8 TiB: its sectors are beyond 32 bits, as numbers they are no small integers to V8. */
const mainSectors = 2 ** 34;
/** More than fit the first cache with all that they touch, so that no predictor learns them by heart. */
const questions = 4096;

/** Entries at random places, as numbers; rising, eight sectors apart on the spare. */
function drawnEntries(count) {
  const draw = random(1);
  const originals = new Set();
  while (originals.size < count) originals.add(draw(mainSectors));
  return Array.from(originals, (original, at) => ({ original, spare: 1280 + 8 * at }));
}

/** Sectors to look up, all of them in the table or none. */
function drawnSectors(entries, hit) {
  const draw = random(2);
  const mapped = new Set(entries.map(({ original }) => original));
  return Array.from({ length: questions }, () => {
    if (hit) return entries[draw(entries.length)].original;
    for (;;) {
      const sector = draw(mainSectors);
      if (!mapped.has(sector)) return sector;
    }
  });
}

/** First sectors of requests of `count`, aligned to that; every other one has a remapped sector in it, where there is any. */
function drawnRequests(entries, count) {
  const draw = random(3);
  return Array.from({ length: questions }, (_, at) => {
    const sector =
      at % 2 === 0 && entries.length > 0 ? entries[draw(entries.length)].original : draw(mainSectors);
    return sector - (sector % count);
  });
}

// A bigint of its own for each question: one that is the very object of the table would be found by its address.
const asNumbers = (sectors) => sectors;
const asBigints = (sectors) => sectors.map((sector) => BigInt(sector));

function ourTable(entries) {
  return new RemapTable(
    { mainSectors: BigInt(mainSectors), spareSectors: BigInt(mainSectors) },
    entries.map(({ original, spare }) =>
      remapEntry({ originalSector: BigInt(original), spareSector: BigInt(spare), remapTimestampNs: 0n }),
    ),
  );
}

/** Keys rising, and what each leads to beside it. */
function sortedArrays(entries) {
  const rising = entries.toSorted((a, b) => a.original - b.original);
  return {
    keys: asBigints(rising.map(({ original }) => original)),
    spares: rising.map(({ spare }) => BigInt(spare)),
  };
}

/** The place of the first key that is not below `sector`. */
function placeIn(keys, sector) {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle] < sector) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A pass asks every question. What it counts follows from each answer. */
function lookups({ entries: count, hit }, kindOf, makeLookup) {
  const entries = drawnEntries(count);
  const sectors = kindOf(drawnSectors(entries, hit));
  const lookup = makeLookup(entries);
  return {
    operations: questions,
    pass() {
      let found = 0;
      for (let at = 0; at < sectors.length; at++) if (lookup(sectors[at]) !== undefined) found++;
      return found;
    },
    answer: () => sectors.map((sector) => String(lookup(sector))).join(),
  };
}

/** A pass splits every request into runs, in the form in which ours are. */
function splits({ entries: count, sectors: length }, kindOf, makeSplit) {
  const entries = drawnEntries(count);
  const requests = kindOf(drawnRequests(entries, length));
  const split = makeSplit(entries, kindOf([length])[0]);
  return {
    operations: questions,
    pass() {
      let runs = 0;
      for (let at = 0; at < requests.length; at++) runs += split(requests[at]).length;
      return runs;
    },
    answer: () =>
      requests
        .map((first) =>
          split(first)
            .map(({ device, sector, count }) => `${device} ${sector} ${count}`)
            .join(),
        )
        .join(';'),
  };
}

/** The runs of a request, from the places of its remapped sectors. */
function runsOf(first, count, remapped) {
  const runs = [];
  let at = first;
  for (const [original, spare] of remapped) {
    if (original > at) runs.push({ device: 'main', sector: at, count: original - at });
    const last = runs.at(-1);
    if (last?.device === 'spare' && last.sector + last.count === spare) last.count += 1n;
    else runs.push({ device: 'spare', sector: spare, count: 1n });
    at = original + 1n;
  }
  if (at < first + count) runs.push({ device: 'main', sector: at, count: first + count - at });
  return runs;
}

function lookUpInOurs(entries) {
  const table = ourTable(entries);
  return (sector) => table.lookup(sector);
}

function splitWithOurs(entries, count) {
  const table = ourTable(entries);
  return (first) => table.lookupRange(first, count);
}

const mapOfBigints = (entries) =>
  new Map(entries.map(({ original, spare }) => [BigInt(original), BigInt(spare)]));

export const sides = {
  'lookup, number': (job) => lookups(job, asNumbers, lookUpInOurs),
  'lookup, bigint': (job) => lookups(job, asBigints, lookUpInOurs),
  'lookup, Map<bigint>': (job) =>
    lookups(job, asBigints, (entries) => {
      const map = mapOfBigints(entries);
      return (sector) => map.get(sector);
    }),
  'lookup, Map<number>': (job) =>
    lookups(job, asNumbers, (entries) => {
      const map = new Map(entries.map(({ original, spare }) => [original, BigInt(spare)]));
      return (sector) => map.get(sector);
    }),
  'lookup, sorted array': (job) =>
    lookups(job, asBigints, (entries) => {
      const { keys, spares } = sortedArrays(entries);
      return (sector) => {
        const at = placeIn(keys, sector);
        return keys[at] === sector ? spares[at] : undefined;
      };
    }),

  'split, number': (job) => splits(job, asNumbers, splitWithOurs),
  'split, bigint': (job) => splits(job, asBigints, splitWithOurs),
  // It has no order: every sector of a request is asked for.
  'split, Map<bigint>': (job) =>
    splits(job, asBigints, (entries, count) => {
      const map = mapOfBigints(entries);
      return (first) => {
        const remapped = [];
        for (let at = first; at < first + count; at++) {
          const spare = map.get(at);
          if (spare !== undefined) remapped.push([at, spare]);
        }
        return runsOf(first, count, remapped);
      };
    }),
  'split, sorted array': (job) =>
    splits(job, asBigints, (entries, count) => {
      const { keys, spares } = sortedArrays(entries);
      return (first) => {
        const remapped = [];
        for (let at = placeIn(keys, first); keys[at] < first + count; at++)
          remapped.push([keys[at], spares[at]]);
        return runsOf(first, count, remapped);
      };
    }),
};
