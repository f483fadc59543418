// Room: bench. Lookups and splits of requests with 0, 100 and 2,048 entries: `node bench/table.mjs [--quick]`.
// Map<bigint> is asked with bigints that are there already, which it takes as they come, and our table once with these and once
// with numbers. Map<number> stands beside them as what is fast and cannot hold a sector past 2^53.
import { main } from './frame/main.mjs';
import { sideProcess } from './frame/side-process.mjs';

const module = new URL('sides/table.mjs', import.meta.url).href;
const counted = (entries) => (entries === 0 ? 'no entry' : `${entries.toLocaleString('en')} entries`);

/** Sides of one kind, by their names in sides/table.mjs. */
const sidesOf = (kind, names, parameters) =>
  names.map((name) => ({
    name,
    start: (length) => sideProcess(module, `${kind}, ${name}`, parameters, length),
  }));

const against = (of, to, goal) => ({ of, to, measure: 'rate', ...(goal === undefined ? {} : { goal }) });

function lookup(entries, hit) {
  const answered = hit ? 'found' : 'not found';
  const goal = (kind) =>
    entries === 2048 ? { what: `2,048 entries, ${kind}, ${answered} : Map<bigint>`, atLeast: 3 } : undefined;
  const names = ['number', 'bigint', 'Map<bigint>', 'Map<number>', 'sorted array'];
  return {
    name: `lookup-${entries}-${hit ? 'hit' : 'miss'}`,
    title: `lookup, ${counted(entries)}, ${answered}`,
    alike: true,
    sides: sidesOf('lookup', names, { entries, hit }),
    ratios: [
      against('number', 'Map<bigint>', goal('number')),
      against('bigint', 'Map<bigint>', goal('bigint')),
      against('bigint', 'sorted array'),
    ],
  };
}

function split(entries, sectors) {
  const names = ['number', 'bigint', 'Map<bigint>', 'sorted array'];
  return {
    name: `split-${entries}-${sectors}`,
    title: `split of ${sectors} sectors, ${counted(entries)}`,
    alike: true,
    sides: sidesOf('split', names, { entries, sectors }),
    ratios: [
      against('number', 'Map<bigint>'),
      against('bigint', 'Map<bigint>'),
      against('bigint', 'sorted array'),
    ],
  };
}

const sizes = [0, 100, 2048];
const groups = [
  ...sizes.flatMap((entries) => (entries === 0 ? [false] : [true, false]).map((hit) => lookup(entries, hit))),
  ...[8, 256].flatMap((sectors) => sizes.map((entries) => split(entries, sectors))),
];

export const table = {
  name: 'table',
  title: 'lookups and splits of requests in a remap table',
  groups: () => groups,
  plots: [
    { name: 'lookup', title: 'Lookups a second', measure: 'rate', groups: /^lookup-/ },
    {
      name: 'split-8',
      title: 'Splits a second, requests of 8 sectors',
      measure: 'rate',
      groups: /^split-\d+-8$/,
    },
    {
      name: 'split-256',
      title: 'Splits a second, requests of 256 sectors',
      measure: 'rate',
      groups: /^split-\d+-256$/,
    },
  ],
};

if (process.argv[1] === import.meta.filename) await main([table], 'node bench/table.mjs');
