// Room: cli, pure part. The effective remaps of a table as other programs take them: `import` reads back what is written here.
import type { RemapEntry } from '../../format/structure.js';
import type { ReportEntry } from '../../store/examine/examine.js';
import { toEntryJson } from '../../store/json/entry-json.js';
import type { ShownTable } from '../spare/shown-table.js';
import { shellQuote } from './escape.js';

export const exportSchema = 'dmremap.export/1';

/** Columns of the CSV, which are the fields of an entry in JSON. `original` and `spare` are never left out. */
export const csvColumns = [
  'original',
  'spare',
  'timestamp',
  'accessCount',
  'errorCount',
  'reason',
  'flags',
] as const;

/** Of duplicates only the one in force, so every original is there once and the order makes no difference. */
export const exported = ({ report }: ShownTable): ReportEntry[] =>
  report.entries.filter(({ effective }) => effective);

/** The document dmremap.export/1 (docs/export.schema.json). */
export function toExportJson(table: ShownTable, path: string) {
  const { copy, slot } = table.shown;
  const { geometry, changedWhileRead, stillChanging, inUse } = table.report;
  return {
    schema: exportSchema,
    path,
    geometry,
    changedWhileRead,
    stillChanging,
    inUse,
    copy,
    sequence: `${slot.header.sequenceNumber}`,
    mainSectors: `${slot.header.mainDeviceSectors}`,
    spareSectors: `${slot.header.spareDeviceSectors}`,
    entries: exported(table).map(toEntryJson),
  };
}

/** RFC 4180: a header line, CRLF. Numbers need no quotes. */
export function csvText(entries: readonly RemapEntry[]): string {
  const rows = entries.map((entry) => {
    const json = toEntryJson(entry);
    return csvColumns.map((column) => json[column]);
  });
  return [csvColumns, ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}

/** What a shell runs to add the remaps to a mapped device, one a line (format.md section 5). */
export function messageLines(entries: readonly RemapEntry[], name: string): string[] {
  const device = shellQuote(name);
  return entries.map(
    ({ originalSector, spareSector }) =>
      `dmsetup message ${device} 0 test_remap ${originalSector} ${spareSector}`,
  );
}

/**
 * Why a path cannot stand in a table line; undefined where it can. dmsetup(8) takes `#` for the beginning of a comment and
 * cuts spaces off at the end of a line; the kernel's isspace() takes the byte 0xa0 for a space, as in Latin-1.
 */
export function noTableWord(path: string): string | undefined {
  if (path === '') return 'it is empty';
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(path)) return 'it has characters that are not shown';
  if (path.includes('#')) return "dmsetup takes '#' for a comment";
  if (path.endsWith(' ')) return 'dmsetup cuts off the space at its end';
  if (Buffer.from(path).includes(0xa0)) return 'the kernel takes a byte of it (0xa0) for a space';
  return undefined;
}

/** As the kernel's dm_split_args() takes it: a backslash before what would end the word, or be a backslash. */
const tableWord = (path: string): string => path.replace(/[\\ ]/g, '\\$&');

/** The table line of a mapped device. The paths must be such that `noTableWord` finds nothing. */
export const tableLine = (mainSectors: bigint, main: string, spare: string): string =>
  `0 ${mainSectors} dm-remap-v4 ${tableWord(main)} ${tableWord(spare)}`;

/** Why no mapped device can have this name; undefined where one can (dmsetup(8), and its limit of 127 bytes). */
export function noDeviceName(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.startsWith('-')) return 'dmsetup would take it for an option';
  if (name.includes('/')) return "it has a '/'";
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)) return 'it has characters that are not shown';
  if (Buffer.byteLength(name) > 127) return 'it has more than 127 bytes';
  return undefined;
}

/**
 * The concise form of dmsetup(8): name, UUID, minor number, flags and table. dmsetup wants a last character that is not
 * escaped; where it would be, a semicolon ends the device.
 */
export function conciseLine(name: string, line: string): string {
  const field = (text: string) => text.replace(/[\\,;]/g, '\\$&');
  const table = field(line);
  return `${field(name)},,,rw,${table}${/\\.$/.test(table) ? ';' : ''}`;
}
