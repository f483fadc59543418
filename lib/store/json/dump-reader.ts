// Room: store, pure part. The document dmremap.dump/1 on its way back: all of it is proven before any of it is used. What
// cannot be a structure is refused; what would be a bad table (the lints of severity error and duplicates) is refused too,
// unless that is allowed, because a table that was dumped can be one.
import { sector, u64Max, unixNanoseconds } from '../../base/units.js';
import { structureChecksum } from '../../format/checksum.js';
import { decodeCopy, type ValidCopy } from '../../format/codec.js';
import { writeEntry } from '../../format/entry.js';
import { geometries } from '../../format/geometry.js';
import { viewOf } from '../../format/layout.js';
import { remapEntry } from '../../format/metadata.js';
import {
  checksumOffset,
  copyCount,
  entriesOffset,
  entryBytes,
  formatVersion,
  type Header,
  headerLayout,
  maxEntries,
  maxHealthScore,
  metadataMagic,
  type RemapEntry,
  slotBytes,
  trailerLayout,
  trailerOffset,
} from '../../format/structure.js';
import { entryLints } from '../examine/entry-lints.js';
import type { LintId } from '../examine/lint.js';
import { damageText, hex32 } from '../table/phrases.js';
import { dumpSchema, headerForms } from './dump-json.js';
import { DocumentError, type Fields, JsonReader } from './json-reader.js';

export interface DumpOptions {
  /** Takes duplicates, and sectors that lie beyond the devices. */
  readonly allowFlaws?: boolean | undefined;
  /** Takes spare sectors inside the metadata region. */
  readonly allowDataInMetadata?: boolean | undefined;
}

/** A copy that was read from a dump. */
export interface DumpedCopy {
  /** Which of the five it was. */
  readonly copy: number;
  /** The structure; zero behind it. */
  readonly slot: ValidCopy;
}

/** No dump of 2048 entries comes near it. */
export const maxDumpBytes = 4 * 1024 * 1024;

/**
 * The copy that a dump is of.
 * @param document the document, or the bytes of a file with it.
 * @throws DocumentError ERR_DUMP_INVALID with everything that is wrong, each with its place in the document.
 */
export function fromDumpJson(document: unknown, options: DumpOptions = {}): DumpedCopy {
  const reader = new JsonReader();
  const value = document instanceof Uint8Array ? parsed(reader, document) : document;
  const dump = reader.problems.length > 0 ? null : readDump(reader, value, options);
  if (reader.problems.length > 0 || dump === null)
    throw new DocumentError('ERR_DUMP_INVALID', reader.problems);
  return dump;
}

function parsed(reader: JsonReader, bytes: Uint8Array): unknown {
  if (bytes.length <= maxDumpBytes) return reader.parse(bytes);
  reader.refuse('', `it has more than ${maxDumpBytes} bytes, and no dump has`);
  return undefined;
}

const topFields = [
  'schema',
  'path',
  'geometry',
  'changedWhileRead',
  'stillChanging',
  'inUse',
  'copy',
  'header',
  'entries',
  'ghosts',
  'expansion',
];

function readDump(reader: JsonReader, value: unknown, options: DumpOptions): DumpedCopy | null {
  const top = reader.object('', value, topFields);
  if (top === undefined) return null;
  if (top.value('schema') !== dumpSchema) {
    //  Of another document nothing else that could be said would help.
    reader.refuse('schema', top.has('schema') ? `must be "${dumpSchema}"` : 'is missing');
    return null;
  }
  const copy = top.whole('copy', copyCount - 1);
  const bytes = new Uint8Array(slotBytes);
  const view = viewOf(bytes);
  const header = readHeaderJson(reader, top);
  const list = reader.list('entries', top.value('entries'), maxEntries);
  const entries = list.map((one, index) => readEntryJson(reader, `entries[${index}]`, one));
  if (header !== undefined && header.activeRemaps !== list.length && Array.isArray(top.value('entries'))) {
    reader.refuse('header.activeRemaps', `must be ${list.length}: so many are in entries`);
  }
  const ghosts = readGhosts(reader, top, list.length);
  const expansion = readExpansion(reader, top);
  if (header !== undefined) refuseFlaws(reader, header, entries, options);
  if (reader.problems.length > 0 || header === undefined) return null;

  headerLayout.write(view, 0, header);
  for (const [index, entry] of [...entries.entries(), ...ghosts]) {
    if (entry !== undefined) writeEntry(view, entriesOffset + index * entryBytes, entry);
  }
  if (expansion !== null) trailerLayout.write(view, trailerOffset, expansion);
  view.setUint32(checksumOffset, structureChecksum(bytes), true);
  const slot = decodeCopy(bytes);
  if (slot.state === 'valid') return { copy, slot };
  reader.refuse('header', `such a copy ${damageText(slot.damage)}`);
  return null;
}

function readHeaderJson(reader: JsonReader, top: Fields): Header | undefined {
  const fields = reader.object(
    'header',
    top.value('header'),
    headerForms.map(({ name }) => name),
  );
  if (fields === undefined) return undefined;
  const header: Record<string, unknown> = {};
  for (const { name, bytes, form, optional } of headerForms) {
    if (optional && !fields.has(name)) header[name] = form === 'hex' ? new Uint8Array(bytes) : 0;
    else if (form === 'decimal') header[name] = fields.decimal(name, (1n << BigInt(8 * bytes)) - 1n);
    else if (form === 'text' || form === 'hex') header[name] = fields[form](name, bytes);
    else header[name] = fields[form](name);
  }
  const read = header as unknown as Header;
  const must = (name: string, holds: boolean, what: string) => {
    const told = reader.problems.some(({ place }) => place === fields.at(name));
    if (!told && !holds) reader.refuse(fields.at(name), `must be ${what}`);
  };
  must('magic', read.magic === metadataMagic, hex32(metadataMagic));
  must('version', read.version === formatVersion, `${formatVersion}`);
  must(
    'healthScore',
    read.healthScore <= maxHealthScore,
    `at most ${maxHealthScore}: the module takes no more`,
  );
  return read;
}

const entryFields = [
  'original',
  'spare',
  'timestamp',
  'accessCount',
  'errorCount',
  'reason',
  'flags',
  'padding',
];

/**
 * An entry of a document; undefined, with problems, where it is none.
 * @param own reads what it has beside the fields of an entry.
 */
export function readEntryJson(
  reader: JsonReader,
  place: string,
  value: unknown,
  own?: { readonly fields: readonly string[]; read(fields: Fields): void },
): RemapEntry | undefined {
  const before = reader.problems.length;
  const fields = reader.object(place, value, [...entryFields, ...(own?.fields ?? [])]);
  if (fields === undefined) return undefined;
  own?.read(fields);
  const entry: RemapEntry = {
    originalSector: sector(fields.decimal('original')),
    spareSector: sector(fields.decimal('spare')),
    remapTimestampNs: unixNanoseconds(fields.decimal('timestamp')),
    accessCount: fields.whole('accessCount'),
    errorCount: fields.whole('errorCount'),
    remapReason: fields.whole('reason', 0xffff),
    flags: fields.whole('flags', 0xffff),
    padding: fields.has('padding') ? fields.hex32('padding') : 0,
  };
  return reader.problems.length > before ? undefined : entry;
}

function readGhosts(reader: JsonReader, top: Fields, remaps: number): [number, RemapEntry][] {
  const ghosts = new Map<number, RemapEntry>();
  reader.list('ghosts', top.value('ghosts'), maxEntries).forEach((one, at) => {
    const place = `ghosts[${at}]`;
    let index = 0;
    const read = (fields: Fields) => {
      index = fields.whole('index', maxEntries - 1);
    };
    const entry = readEntryJson(reader, place, one, { fields: ['index'], read });
    if (entry === undefined) return;
    if (index < remaps) reader.refuse(`${place}.index`, `must be at least ${remaps}: below it is the table`);
    else if (ghosts.has(index)) reader.refuse(`${place}.index`, `${index} is there twice`);
    else ghosts.set(index, entry);
  });
  return [...ghosts];
}

function readExpansion(reader: JsonReader, top: Fields) {
  if (top.value('expansion') === null) return null;
  const fields = reader.object('expansion', top.value('expansion'), ['version', 'size', 'data']);
  if (fields === undefined) return null;
  return {
    expansionVersion: fields.whole('version'),
    expansionSize: fields.whole('size'),
    expansionData: fields.hex('data', 2048),
  };
}

/** What is wrong with a table, and the field of an entry that says it. Neighbours are no mistake of a document. */
const flaws: Partial<Record<LintId, 'original' | 'spare'>> = {
  'duplicate-original': 'original',
  'original-out-of-range': 'original',
  'duplicate-spare': 'spare',
  'spare-out-of-range': 'spare',
  'spare-inside-metadata': 'spare',
};

function refuseFlaws(
  reader: JsonReader,
  header: Header,
  entries: readonly (RemapEntry | undefined)[],
  { allowFlaws = false, allowDataInMetadata = false }: DumpOptions,
): void {
  //  What could not be read has been told, and says nothing of the others: a size holds everything, an entry is nowhere.
  const told = (field: string) => reader.problems.some(({ place }) => place === `header.${field}`);
  const size = (field: 'mainDeviceSectors' | 'spareDeviceSectors') =>
    told(field) ? sector(u64Max + 1n) : header[field];
  const sizes = {
    ...header,
    mainDeviceSectors: size('mainDeviceSectors'),
    spareDeviceSectors: size('spareDeviceSectors'),
  };
  const table = entries.map((entry, index) => entry ?? nowhere(index));
  for (const { id, entry, message } of entryLints(sizes, table, geometries.driver)) {
    const field = flaws[id];
    if (field === undefined || (id === 'spare-inside-metadata' ? allowDataInMetadata : allowFlaws)) continue;
    reader.refuse(`entries[${entry}].${field}`, `${message} [${id}]`, id);
  }
}

/** An entry of sectors that no device has, each of its own. */
const nowhere = (index: number): RemapEntry =>
  remapEntry({
    originalSector: sector(-1 - index),
    spareSector: sector(-16 * (index + 1)),
    remapTimestampNs: unixNanoseconds(0),
  });
