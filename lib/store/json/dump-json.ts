// Room: store, pure part. A copy as the document dmremap.dump/1 (docs/dump.schema.json): everything that the structure holds,
// field by field under the names of the layout. `fromDumpJson` makes the same structure of it again, byte for byte.
import type { GeometryName } from '../../format/geometry.js';
import { viewOf } from '../../format/layout.js';
import {
  type Header,
  headerLayout,
  type RemapEntry,
  readHeader,
  slotBytes,
  trailerLayout,
  trailerOffset,
} from '../../format/structure.js';
import { wholeTextOf, withoutZeros } from '../../format/text.js';
import { quietReading, type Reading } from '../examine/stable-read.js';
import type { ValidSlot } from '../table/copies.js';
import { hex32 } from '../table/phrases.js';
import { type EntryJson, toEntryJson } from './entry-json.js';

export const dumpSchema = 'dmremap.dump/1';

/** An entry with all of its fields. */
interface DumpEntryJson extends EntryJson {
  /** 0x and eight digits; left out where it is zero. */
  readonly padding?: string;
}

/** The document. 64-bit numbers are decimal strings. */
export interface DumpJson {
  readonly schema: typeof dumpSchema;
  readonly path: string;
  readonly geometry: GeometryName;
  /** Somebody wrote to the spare while it was read. */
  readonly changedWhileRead: boolean;
  /** The last two readings differed too. */
  readonly stillChanging: boolean;
  /** Which of the five it was. */
  readonly copy: number;
  /** Every field of the header by its name in `Header`; `reserved` and `padding` only where they are not zero. */
  readonly header: Readonly<Record<string, string | number>>;
  /** The table, in the order of the disk, duplicates and all. */
  readonly entries: readonly DumpEntryJson[];
  /** Entries behind the table that are not all zero. */
  readonly ghosts: readonly (DumpEntryJson & { readonly index: number })[];
  /** The expansion area; null where it is zero. */
  readonly expansion: { readonly version: number; readonly size: number; readonly data: string } | null;
}

type Form = 'hex32' | 'decimal' | 'whole' | 'text' | 'hex';

const blankHeader: Readonly<Record<string, unknown>> = readHeader(new Uint8Array(slotBytes));

/** How each field of the header is written, in the order of the disk. */
export const headerForms = headerLayout.fields.map(({ name, bytes }) => ({
  name,
  bytes,
  form: formOf(name, blankHeader[name]),
  optional: name === 'reserved' || name === 'padding',
}));

function formOf(name: string, value: unknown): Form {
  if (name === 'magic' || name === 'checksum') return 'hex32';
  if (typeof value === 'bigint') return 'decimal';
  if (typeof value === 'number') return 'whole';
  return /Uuid$|Model$/.test(name) ? 'text' : 'hex';
}

/**
 * The document of a copy. `path` is where it was read; it is passed on as it is.
 * @param reading of the spare, by whoever has read it: a report is one.
 */
export function toDumpJson(
  { copy, slot }: ValidSlot,
  path: string,
  geometry: GeometryName = 'driver',
  { changedWhileRead, stillChanging }: Reading = quietReading,
): DumpJson {
  const { expansionVersion, expansionSize, expansionData } = trailerLayout.read(
    viewOf(slot.bytes),
    trailerOffset,
  );
  const data = hexOf(expansionData);
  return {
    schema: dumpSchema,
    path,
    geometry,
    changedWhileRead,
    stillChanging,
    copy,
    header: toHeaderJson(slot.header),
    entries: slot.entries.map(dumpEntry),
    ghosts: slot.ghosts.map(({ index, entry }) => ({ index, ...dumpEntry(entry) })),
    expansion:
      expansionVersion === 0 && expansionSize === 0 && data === ''
        ? null
        : { version: expansionVersion, size: expansionSize, data },
  };
}

/** A header as it stands in a dump. */
export function toHeaderJson(header: Header): Record<string, string | number> {
  const values: Readonly<Record<string, unknown>> = header;
  const json: Record<string, string | number> = {};
  for (const { name, form, optional } of headerForms) {
    const value = written(form, values[name]);
    if (!optional || (value !== 0 && value !== '')) json[name] = value;
  }
  return json;
}

const dumpEntry = (entry: RemapEntry): DumpEntryJson => ({
  ...toEntryJson(entry),
  ...(entry.padding === 0 ? {} : { padding: hex32(entry.padding) }),
});

const hexOf = (bytes: Uint8Array): string => Buffer.from(withoutZeros(bytes)).toString('hex');

function written(form: Form, value: unknown): string | number {
  switch (form) {
    case 'hex32':
      return hex32(value as number);
    case 'decimal':
      return `${value as bigint}`;
    case 'whole':
      return value as number;
    case 'text':
      return wholeTextOf(value as Uint8Array);
    case 'hex':
      return hexOf(value as Uint8Array);
  }
}
