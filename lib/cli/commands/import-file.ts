// Room: cli, pure part. Remaps out of a file: JSON of `dump` or `export`, CSV with a header line, or test_remap messages. All
// that is wrong is told, by line or by place in the document, and nothing is taken of a file with anything wrong in it.
import { sector, type UnixNanoseconds, unixNanoseconds } from '../../base/units.js';
import { remapEntry } from '../../format/metadata.js';
import { maxEntries, type RemapEntry } from '../../format/structure.js';
import { dumpSchema } from '../../store/json/dump-json.js';
import { fromDumpJson, readEntryJson } from '../../store/json/dump-reader.js';
import { DocumentError, decimalOf, JsonReader } from '../../store/json/json-reader.js';
import { effectiveEntries } from '../../store/table/table.js';
import { csvColumns, exportSchema } from '../print/export-text.js';

export const importFormats = ['json', 'csv', 'messages'] as const;
type ImportFormat = (typeof importFormats)[number];

/** No file of 2048 remaps comes near it. */
export const maxImportBytes = 4 * 1024 * 1024;

/** A remap of a file, and where it stands there: `line 7`, `entries[3]`. */
interface ImportedRemap {
  readonly place: string;
  readonly entry: RemapEntry;
}

export interface Imported {
  readonly format: ImportFormat;
  readonly remaps: readonly ImportedRemap[];
  /** The size of the main device that the file says it is about, in sectors; undefined where it says none. */
  readonly mainSectors: bigint | undefined;
}

/**
 * The remaps of a file.
 * @param format what it is; without it that is told from how it begins.
 * @param timestamp of remaps that come without one.
 * @throws DocumentError ERR_IMPORT_INVALID with everything that is wrong.
 */
export function importedFrom(
  bytes: Uint8Array,
  format: ImportFormat | undefined,
  timestamp: UnixNanoseconds,
): Imported {
  const reader = new JsonReader();
  const imported = bytes.length > maxImportBytes ? undefined : read(reader, bytes, format, timestamp);
  if (imported === undefined && reader.problems.length === 0) {
    reader.refuse('', `it has more than ${maxImportBytes} bytes, and no table of ${maxEntries} has`);
  }
  if (reader.problems.length > 0 || imported === undefined) {
    throw new DocumentError('ERR_IMPORT_INVALID', reader.problems);
  }
  return imported;
}

function read(
  reader: JsonReader,
  bytes: Uint8Array,
  asked: ImportFormat | undefined,
  timestamp: UnixNanoseconds,
): Imported | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    reader.refuse('', 'it is not UTF-8');
    return undefined;
  }
  const format = asked ?? formatOf(text);
  if (format === 'json') return fromJson(reader, bytes);
  const lines = text.split(/\r?\n/).map((line, at) => ({ line, place: `line ${at + 1}` }));
  const remaps =
    format === 'csv' ? fromCsv(reader, lines, timestamp) : fromMessages(reader, lines, timestamp);
  return { format, remaps, mainSectors: undefined };
}

/** JSON begins with a bracket, CSV with the name of a column and a comma; all else are messages. */
function formatOf(text: string): ImportFormat {
  const start = text.trimStart();
  if (/^[[{]/.test(start)) return 'json';
  return /^"?\w+"?,/.test(start) ? 'csv' : 'messages';
}

const exportFields = [
  'schema',
  'path',
  'geometry',
  'changedWhileRead',
  'stillChanging',
  'inUse',
  'copy',
  'sequence',
  'mainSectors',
  'spareSectors',
  'entries',
];

function fromJson(reader: JsonReader, bytes: Uint8Array): Imported | undefined {
  const value = reader.parse(bytes);
  if (reader.problems.length > 0) return undefined;
  const schema = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  if (schema === dumpSchema) return fromDump(reader, value);
  if (schema !== exportSchema) {
    reader.refuse('schema', `must be "${exportSchema}" or "${dumpSchema}"`);
    return undefined;
  }
  const top = reader.object('', value, exportFields);
  if (top === undefined) return undefined;
  const mainSectors = top.decimal('mainSectors');
  const remaps = reader.list('entries', top.value('entries'), maxEntries).flatMap((one, at) => {
    const place = `entries[${at}]`;
    const entry = readEntryJson(reader, place, one);
    return entry === undefined ? [] : [{ place, entry }];
  });
  return { format: 'json', remaps, mainSectors };
}

/** The entries in force. What makes the table of a dump a bad one is told when they are added to another. */
function fromDump(reader: JsonReader, value: unknown): Imported | undefined {
  try {
    const { slot } = fromDumpJson(value, { allowFlaws: true, allowDataInMetadata: true });
    const effective = effectiveEntries(slot.entries);
    const remaps = slot.entries.flatMap((entry, at) =>
      effective[at] === true ? [{ place: `entries[${at}]`, entry }] : [],
    );
    return { format: 'json', remaps, mainSectors: slot.header.mainDeviceSectors };
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    reader.problems.push(...error.problems);
    return undefined;
  }
}

interface Line {
  readonly line: string;
  readonly place: string;
}

type Column = (typeof csvColumns)[number];
const mostOf: Readonly<Record<Column, bigint | undefined>> = {
  original: undefined,
  spare: undefined,
  timestamp: undefined,
  accessCount: 0xffff_ffffn,
  errorCount: 0xffff_ffffn,
  reason: 0xffffn,
  flags: 0xffffn,
};

function fromCsv(reader: JsonReader, lines: readonly Line[], timestamp: UnixNanoseconds): ImportedRemap[] {
  const [first, ...rows] = lines.filter(({ line }) => line.trim() !== '');
  const columns = cellsOf(first?.line ?? '');
  if (first === undefined || columns === undefined) {
    reader.refuse(first?.place ?? '', 'must be a header line: original,spare');
    return [];
  }
  const before = reader.problems.length;
  columns.forEach((column, at) => {
    if (!csvColumns.includes(column as Column)) reader.refuse(first.place, `unknown column '${column}'`);
    else if (columns.indexOf(column) < at)
      reader.refuse(first.place, `the column '${column}' is there twice`);
  });
  for (const needed of ['original', 'spare']) {
    if (!columns.includes(needed)) reader.refuse(first.place, `the column '${needed}' is missing`);
  }
  if (reader.problems.length > before) return [];
  return rows.flatMap(({ line, place }) => {
    const cells = cellsOf(line);
    if (cells === undefined || cells.length !== columns.length) {
      reader.refuse(
        place,
        cells === undefined
          ? 'the quotes are wrong'
          : `must have ${columns.length} fields, not ${cells.length}`,
      );
      return [];
    }
    const values = new Map<string, bigint>();
    columns.forEach((column, at) => {
      const value = numberAt(reader, place, column, cells[at] ?? '', mostOf[column as Column]);
      if (value !== undefined) values.set(column, value);
    });
    return values.size < columns.length ? [] : [{ place, entry: entryFrom(values, timestamp) }];
  });
}

function numberAt(
  reader: JsonReader,
  place: string,
  what: string,
  text: string,
  most = 0xffff_ffff_ffff_ffffn,
): bigint | undefined {
  const value = decimalOf(text, most);
  if (value === undefined) {
    reader.refuse(place, `bad number '${text.slice(0, 99)}' for ${what}: decimal digits, from 0 to ${most}`);
  }
  return value;
}

/** The fields of a line, as RFC 4180 quotes them; undefined where the quotes do not fit. No number goes over a line. */
function cellsOf(line: string): string[] | undefined {
  const cells: string[] = [];
  let at = 0;
  do {
    if (line[at] === '"') {
      let cell = '';
      for (at += 1; line[at] !== '"' || line[at + 1] === '"'; at += 1) {
        if (at >= line.length) return undefined;
        if (line[at] === '"') at += 1;
        cell += line[at];
      }
      at += 1;
      if (at < line.length && line[at] !== ',') return undefined;
      cells.push(cell);
    } else {
      const comma = line.indexOf(',', at);
      const end = comma === -1 ? line.length : comma;
      const cell = line.slice(at, end);
      if (cell.includes('"')) return undefined;
      cells.push(cell);
      at = end;
    }
    at += 1;
  } while (at <= line.length);
  return cells;
}

function entryFrom(values: ReadonlyMap<string, bigint>, timestamp: UnixNanoseconds): RemapEntry {
  const usual = remapEntry({
    originalSector: sector(values.get('original') ?? 0n),
    spareSector: sector(values.get('spare') ?? 0n),
    remapTimestampNs: unixNanoseconds(values.get('timestamp') ?? timestamp),
  });
  const small = (name: string, otherwise: number) => Number(values.get(name) ?? otherwise);
  return {
    ...usual,
    accessCount: small('accessCount', usual.accessCount),
    errorCount: small('errorCount', usual.errorCount),
    remapReason: small('reason', usual.remapReason),
    flags: small('flags', usual.flags),
  };
}

//  A word as a shell takes it, for the name of the device: which one it is makes no difference here. No two of the
//  alternatives begin alike, so that no line makes it look at a character twice.
const word = String.raw`(?:[^\s'"\\$]|\\.|\$'(?:[^'\\]|\\.)*'|'[^']*'|"(?:[^"\\]|\\.)*")+`;
const message = new RegExp(
  String.raw`^(?:(?:sudo\s+)?dmsetup\s+message\s+${word}\s+0\s+)?test_remap\s+(\S+)\s+(\S+)$`,
);

function fromMessages(
  reader: JsonReader,
  lines: readonly Line[],
  timestamp: UnixNanoseconds,
): ImportedRemap[] {
  return lines.flatMap(({ line, place }) => {
    const said = line.trim();
    if (said === '' || said.startsWith('#')) return [];
    const [, original, spare] = message.exec(said) ?? [];
    if (original === undefined || spare === undefined) {
      reader.refuse(
        place,
        'must be: test_remap ORIGINAL SPARE, with or without dmsetup message NAME 0 before it',
      );
      return [];
    }
    const values = new Map<string, bigint>();
    for (const [what, text] of [
      ['original', original],
      ['spare', spare],
    ] as const) {
      const value = numberAt(reader, place, what, text);
      if (value !== undefined) values.set(what, value);
    }
    return values.size < 2 ? [] : [{ place, entry: entryFrom(values, timestamp) }];
  });
}
