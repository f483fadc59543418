// Room: bench. What instructions are counted of. Each row is a side (frame/side.mjs says what that is) and a number of passes: as many
// warm it up, enough for V8 to have compiled what is hot, as are counted.
const side = (file) => new URL(`../sides/${file}`, import.meta.url).href;

const codec = (name, entries, passes) => ({
  name: `${name}, ${entries.toLocaleString('en')} entries`,
  module: side('codec.mjs'),
  side: name,
  parameters: { entries },
  passes,
  of: 'process',
});

const lookup = (kind, hit) => ({
  name: `lookup, 2,048 entries, ${kind}, ${hit ? 'found' : 'not found'}`,
  module: side('table.mjs'),
  side: `lookup, ${kind}`,
  parameters: { entries: 2048, hit },
  passes: 300,
  of: 'process',
});

/** @param folder where a file may be made to write to. */
export const rows = (folder) => [
  {
    name: 'write of 4 KiB, io_uring, the addon alone',
    module: side('write.mjs'),
    side: 'write',
    parameters: { path: `${folder}/device` },
    passes: 500,
    of: 'dmremap.node',
  },
  codec('encode', 100, 1000),
  codec('encode', 2048, 200),
  codec('decode', 2048, 200),
  ...['number', 'bigint'].flatMap((kind) => [true, false].map((hit) => lookup(kind, hit))),
];
