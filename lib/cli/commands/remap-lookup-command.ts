// Room: cli. `dmremap remap lookup`: where sectors of the main device are, by the table of a spare.
import { geometries } from '../../format/geometry.js';
import { pendingOriginals } from '../../store/examine/module-lints.js';
import { listOf, pick } from '../../store/table/phrases.js';
import { RemapTable, type Run } from '../../store/table/remap-table.js';
import { type Command, jsonOption, print } from '../command.js';
import { type Args, notEmpty, UsageError } from '../options/args.js';
import { wholeNumber } from '../options/numbers.js';
import { jsonText } from '../print/escape.js';
import { table } from '../print/text.js';
import { readTable } from '../spare/shown-table.js';

const name = 'remap lookup';

interface Wanted {
  /** As it was given. */
  readonly text: string;
  readonly first: bigint;
  readonly count: bigint;
}

interface Found extends Wanted {
  readonly runs: readonly Run[];
  /** The originals among them that a running target of the kernel module does not look up (format.md section 5). */
  readonly pending: readonly bigint[];
}

export const remapLookupCommand: Command = {
  name,
  operands: 'PATH SECTOR[+COUNT]...',
  summary: 'tell where sectors of main are: there, or where on the spare',
  about: [
    'SECTOR is a 512-byte sector of the main device, COUNT how many from there; without it one. A request is split into',
    'runs that lie on one device without a gap. Opens PATH for reading only, and takes the table that we elect.',
  ],
  examples: [
    { command: 'dmremap remap lookup /dev/sdb 1000', says: 'Where sector 1000 of the main device is:' },
    {
      command: 'dmremap remap lookup spare.img 0+4096 8192',
      says: 'How a read of 2 MiB from the start is split, and where sector 8192 is:',
    },
  ],
  options: { copy: { value: 'N', help: 'look into the table of copy N (0 to 4) instead' }, ...jsonOption },
  async run(context, args) {
    const { path, wanted } = operandsOf(args);
    const { report, shown, status } = await readTable(context, args, path, name);
    const { header } = shown.slot;
    const remaps = new RemapTable(
      {
        mainSectors: header.mainDeviceSectors,
        spareSectors: header.spareDeviceSectors,
        geometry: geometries[report.geometry],
      },
      report.entries,
    );
    const pending = pendingOriginals(shown);
    const found = wanted.map((one) => lookUp(remaps, one, pending));
    if (args.flags.has('json')) {
      const { copy } = shown;
      const sequence = `${header.sequenceNumber}`;
      const { geometry, changedWhileRead, stillChanging, inUse } = report;
      const from = { path, geometry, changedWhileRead, stillChanging, inUse, copy, sequence };
      context.stdout.write(
        jsonText({ schema: 'dmremap.remap-lookup/1', ...from, lookups: found.map(toJson) }),
      );
    } else print(context, [...runTable(found), ...pendingText(found)]);
    return status;
  },
};

function operandsOf({ operands }: Args): { path: string; wanted: readonly Wanted[] } {
  const [path, ...rest] = operands;
  if (path === undefined) throw new UsageError('PATH is missing', name);
  if (rest.length === 0) throw new UsageError('SECTOR is missing', name);
  const wanted = rest.map((text) => {
    const [first = '', count = '1', ...more] = text.split('+');
    if (more.length > 0) throw new UsageError(`bad request '${text}': SECTOR or SECTOR+COUNT`, name);
    return {
      text,
      first: wholeNumber(first, 'SECTOR', name),
      count: wholeNumber(count, 'COUNT', name, 1n),
    };
  });
  return { path: notEmpty(path, 'PATH', name), wanted };
}

function lookUp(remaps: RemapTable, wanted: Wanted, pending: readonly bigint[]): Found {
  const { text, first, count } = wanted;
  if (first + count > remaps.mainSectors) {
    throw new UsageError(`'${text}' does not lie on main, which has ${remaps.mainSectors} sectors`, name);
  }
  return {
    ...wanted,
    runs: remaps.lookupRange(first, count),
    pending: pending.filter((original) => first <= original && original < first + count),
  };
}

function runTable(found: readonly Found[]): string[] {
  const rows = found.flatMap(({ first, runs }) => {
    let original = first;
    return runs.map(({ device, sector, count }) => {
      const row = [`${original}`, `${count}`, device, `${sector}`];
      original += count;
      return row;
    });
  });
  return table(
    [
      { title: 'original', align: 'right' },
      { title: 'count', align: 'right' },
      { title: 'is on' },
      { title: 'sector', align: 'right' },
    ],
    rows,
  );
}

function pendingText(found: readonly Found[]): string[] {
  const pending = [...new Set(found.flatMap((one) => one.pending))];
  if (pending.length === 0) return [];
  const sectors = `original ${pick(pending.length, 'sector', 'sectors')} ${listOf(pending.slice(0, 8).map(String))}`;
  const more = pending.length > 8 ? ` and ${pending.length - 8} more` : '';
  return [`PENDING: ${sectors}${more}: the kernel module reads and writes main there until its next load`];
}

/** One of the `lookups` of dmremap.remap-lookup/1 (docs/remap-lookup.schema.json). */
const toJson = ({ first, count, runs, pending }: Found) => ({
  original: `${first}`,
  count: `${count}`,
  runs: runs.map((run) => ({ device: run.device, sector: `${run.sector}`, count: `${run.count}` })),
  pending: pending.map(String),
});
