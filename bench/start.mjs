// Room: bench. What a start of the command takes beside the least that Node.js takes: `node bench/start.mjs [--quick]`.
// A whole process each time, from its start until it is gone: on a healthy image of a spare, its pages in memory or not, since what is
// read is read with O_DIRECT. Processor time is that of all threads.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from './frame/main.mjs';
import { program } from './frame/program.mjs';

const command = join(import.meta.dirname, '../dist/cli/main.js');

/** Five copies of a table with so many remaps, sequence 1, on a spare of 4 MiB. Returns its path. */
async function healthyImage(folder, entries) {
  const { encodeCopy, blankMetadata, remapEntry, withEntries } = await import('../dist/format/metadata.js');
  const bytes = new Uint8Array(4 * 1024 * 1024);
  const timestampSeconds = BigInt(Math.floor(Date.now() / 1000));
  const empty = blankMetadata({
    mainSectors: 1_000_000n,
    spareSectors: BigInt(bytes.length / 512),
    timestampSeconds,
    sequence: 1n,
  });
  const remaps = Array.from({ length: entries }, (_, at) =>
    remapEntry({
      originalSector: BigInt(1000 * at),
      spareSector: BigInt(1280 + 8 * at),
      remapTimestampNs: timestampSeconds * 1_000_000_000n,
    }),
  );
  const metadata = withEntries(empty, remaps);
  for (let copy = 0; copy < 5; copy++) bytes.set(encodeCopy(metadata, copy), copy * 131_072);
  const path = join(folder, `healthy-${entries}.img`);
  writeFileSync(path, bytes);
  return path;
}

export const start = {
  name: 'start',
  title: 'time and memory of `dmremap check` beside `node -e 0`',
  withEngine: true,
  async groups({ scratch }) {
    const image = await healthyImage(scratch(), 100);
    const sides = {
      'node -e 0': [process.execPath, '-e', '0'],
      'dmremap check': [process.execPath, command, 'check', image],
      'dmremap --version': [process.execPath, command, '--version'],
    };
    const against = (measure) => ({ of: 'dmremap check', to: 'node -e 0', measure });
    return [
      {
        name: 'start',
        title: 'a whole process',
        rounds: 'starts',
        sides: Object.entries(sides).map(([name, words]) => ({
          name,
          start: async (length) => program(words, length),
        })),
        ratios: [
          { ...against('time'), goal: { what: '`dmremap check` against `node -e 0`, time', atMost: 1.3 } },
          against('cpu'),
          against('memory'),
        ],
      },
    ];
  },
  plots: [
    { name: 'time', title: 'Time from start to end', measure: 'time', groups: /^start$/ },
    { name: 'memory', title: 'Memory at most', measure: 'memory', groups: /^start$/ },
  ],
};

if (process.argv[1] === import.meta.filename) await main([start], 'node bench/start.mjs');
