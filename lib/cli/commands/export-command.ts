// Room: cli. `dmremap export`: the remaps of a spare for dmsetup, a shell, a spreadsheet or a program.
import { statSync } from 'node:fs';
import { geometries, touchesMetadata } from '../../format/geometry.js';
import { pick } from '../../store/table/phrases.js';
import { type Command, print } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands, UsageError } from '../options/args.js';
import { choiceOption } from '../options/numbers.js';
import { activationText } from '../print/election-text.js';
import { commandLine, escapeMessage, jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import {
  conciseLine,
  csvText,
  exported,
  messageLines,
  noDeviceName,
  noTableWord,
  tableLine,
  toExportJson,
} from '../print/export-text.js';
import { type ShownTable, withTable } from '../spare/shown-table.js';

const name = 'export';

const formats = ['dmsetup', 'messages', 'json', 'csv'] as const;
type Format = (typeof formats)[number];

/** Which options mean something to which format. */
const optionsOf: Readonly<Record<Format, readonly string[]>> = {
  dmsetup: ['main', 'spare', 'concise', 'name'],
  messages: ['name'],
  json: [],
  csv: [],
};

export const exportCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'write the remaps of a spare for dmsetup, a shell or a program',
  about: [
    'Opens PATH for reading only, and no other device. Of two entries for one original the one in force is written.',
    '--format dmsetup is the table line of the mapped device: `0 SECTORS dm-remap-v4 MAIN SPARE`, with the size of main',
    'from the table; with --concise in the form of `dmsetup create --concise`. --format messages is a line for a shell for',
    'each remap, which tells a mapped device that has none of them; it uses them once it is created again. --format json and csv are what `remap import` takes,',
    'as it does messages; CSV as in RFC 4180, with a header line.',
    'What the kernel module would make of it is said on stderr. Exits with 4 where no copy is valid.',
  ],
  examples: [
    {
      command: 'dmremap export --format dmsetup --main /dev/sda /dev/sdb',
      says: 'The table line that `dmsetup create` takes for the disk and its spare:',
    },
    {
      command: 'dmremap export --format messages --name disk spare.img',
      says: 'What tells the module of each remap:',
    },
    { command: 'dmremap export --format csv spare.img > remaps.csv', says: 'For a spreadsheet:' },
  ],
  options: {
    format: { value: formats.join('|'), help: 'what to write' },
    main: { value: 'PATH', help: 'dmsetup: the main device' },
    spare: { value: 'PATH', help: 'dmsetup: the spare, where PATH is an image of it' },
    concise: { help: 'dmsetup: in the form of `dmsetup create --concise`; needs --name' },
    name: { value: 'NAME', help: 'messages, --concise: the name of the mapped device' },
    copy: { value: 'N', help: 'export copy N (0 to 4) instead of the elected one' },
    json: { help: 'the same as --format json' },
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    const format = formatOption(args);
    const write = writerOf(args, path, format);
    return withTable(context, args, path, name, (table) => {
      write(context, table);
      for (const note of notesOn(table, path, format, args)) {
        context.stderr.write(`dmremap: note: ${escapeMessage(note)}\n`);
      }
      return exitBits.clean;
    });
  },
};

function formatOption(args: Args): Format {
  const chosen = choiceOption(args, 'format', formats, name);
  const json = args.flags.has('json');
  if (json && chosen !== undefined && chosen !== 'json') {
    throw new UsageError(`'--json' and '--format ${chosen}' exclude each other`, name);
  }
  const format = json ? 'json' : chosen;
  if (format === undefined) {
    throw new UsageError(`'--format' is missing: one of ${formats.join(', ')}`, name);
  }
  const stray = optionsOf.dmsetup.find(
    (one) => (args.values.has(one) || args.flags.has(one)) && !optionsOf[format].includes(one),
  );
  if (stray !== undefined) throw new UsageError(`'--${stray}' means nothing to '--format ${format}'`, name);
  return format;
}

/** What writes it. Throws what is wrong with the command line before anything is opened. */
function writerOf(args: Args, path: string, format: Format): (context: Context, table: ShownTable) => void {
  switch (format) {
    case 'dmsetup': {
      const main = wordOption('main', noTableWord, args.values.get('main'));
      const spare = wordOption('spare', noTableWord, args.values.get('spare') ?? path);
      const concise = args.flags.has('concise');
      if (!concise && args.values.has('name')) throw new UsageError("'--name' goes with '--concise'", name);
      const device = concise ? wordOption('name', noDeviceName, args.values.get('name')) : undefined;
      return (context, { shown }) => {
        const line = tableLine(shown.slot.header.mainDeviceSectors, main, spare);
        print(context, [device === undefined ? line : conciseLine(device, line)]);
      };
    }
    case 'messages': {
      const device = wordOption('name', noDeviceName, args.values.get('name'));
      return (context, table) => {
        const lines = messageLines(exported(table), device);
        if (lines.length > 0) print(context, lines);
      };
    }
    case 'json':
      return (context, table) => context.stdout.write(jsonText(toExportJson(table, path)));
    case 'csv':
      return (context, table) => context.stdout.write(csvText(exported(table)));
  }
}

function wordOption(
  option: string,
  wrong: (text: string) => string | undefined,
  text: string | undefined,
): string {
  if (text === undefined) throw new UsageError(`'--${option}' is missing`, name);
  const why = wrong(text);
  if (why === undefined) return text;
  throw new UsageError(`'${text}' cannot be written for --${option}: ${why}`, name);
}

/** What the kernel module will make of it (format.md section 5), where somebody is about to give it to the module. */
function notesOn(table: ShownTable, path: string, format: Format, args: Args): string[] {
  if (format !== 'dmsetup' && format !== 'messages') return [];
  const { header } = table.shown.slot;
  const entries = exported(table);
  const count = (holds: (sector: (typeof entries)[number]['spareSector']) => boolean) =>
    entries.filter(({ spareSector }) => holds(spareSector)).length;
  const inside = count((sector) => touchesMetadata(geometries.driver, sector));
  const reached = count((sector) => sector < header.spareDeviceSectors / 2n);
  const data = (number: number) =>
    pick(number, 'the data of 1 remap lies', `the data of ${number} remaps lies`);
  return [
    ...(format === 'dmsetup' ? notesOnLoad(table, path, args) : []),
    ...(format === 'messages' && entries.length > 0
      ? [
          'test_remap carries sectors alone, no times, counters or flags; the module writes its table at `dmsetup remove`, or 30 s later',
          'a running target does not use what test_remap adds (it stays PENDING) until the target is created again; then it hides what was written to main meanwhile',
        ]
      : []),
    ...(inside > 0
      ? [`${data(inside)} inside the metadata region: the module writes its table over it`]
      : []),
    ...(reached > 0
      ? [
          `${data(reached)} in the lower half of the spare: after each load the module gives out sectors from 0 upwards there, in use or not`,
        ]
      : []),
  ];
}

function notesOnLoad({ report, shown }: ShownTable, path: string, args: Args): string[] {
  const { verdict, admission } = report.activation;
  const notes: string[] = [...(admission?.reasons ?? [])];
  if (!args.values.has('spare') && !isBlockDevice(path)) {
    notes.push(`${path} is no block device, and the module takes no other: --spare names it`);
  }
  if (verdict !== 'keeps') {
    notes.push(`if activated now, ${activationText(report)}; what to do: ${commandLine('check', path)}`);
  } else if (shown.slot.header.sequenceNumber > 1n) {
    notes.push(`before the module takes it: ${commandLine('handover', path)}`);
  }
  return notes;
}

function isBlockDevice(path: string): boolean {
  try {
    return statSync(path).isBlockDevice();
  } catch {
    return false; //  It was there a moment ago; what it is now nobody knows.
  }
}
