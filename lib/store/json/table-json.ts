// Room: store, pure part. A remap table as JSON, out and in: for people who keep it in a ticket, and for tools. 64-bit
// numbers are decimal strings; what comes in is checked as if each entry were added.
import { DmremapError } from '../../base/errors.js';
import { type Sector, sector, type UnixNanoseconds, u64Max, unixNanoseconds } from '../../base/units.js';
import { maxEntries, type RemapEntry } from '../../format/structure.js';
import { RemapTable, type RemapTableOptions } from '../table/remap-table.js';
import { type EntryJson, toEntryJson } from './entry-json.js';

const tableSchema = 'dmremap.table/1';

/** The document: docs/table.schema.json. */
export interface TableJson {
  readonly schema: typeof tableSchema;
  readonly mainSectors: string;
  readonly spareSectors: string;
  readonly entries: readonly EntryJson[];
}

export const toTableJson = (table: RemapTable): TableJson => ({
  schema: tableSchema,
  mainSectors: `${table.mainSectors}`,
  spareSectors: `${table.spareSectors}`,
  entries: Array.from(table, toEntryJson),
});

/**
 * A table from its JSON, text or parsed. Duplicates, sectors out of range, in use or inside the metadata region are
 * refused as by `add`.
 * @throws DmremapError ERR_TABLE_INVALID where this is no such document, naming the place; else the codes of `add`.
 */
export function fromTableJson(
  document: unknown,
  options: Omit<RemapTableOptions, 'mainSectors' | 'spareSectors'> = {},
) {
  const json = fields('the document', typeof document === 'string' ? parsed(document) : document);
  if (json.schema !== tableSchema) throw invalid('schema', `must be ${tableSchema}`);
  const mainSectors = decimal('mainSectors', json.mainSectors);
  const spareSectors = decimal('spareSectors', json.spareSectors);
  const { entries } = json;
  if (!Array.isArray(entries)) throw invalid('entries', 'must be a list');
  if (entries.length > maxEntries) throw new DmremapError('ERR_TABLE_FULL');
  const table = new RemapTable({ ...options, mainSectors, spareSectors });
  for (const [index, entry] of entries.entries()) table.insert(entryOf(`entries[${index}]`, entry));
  return table;
}

function entryOf(place: string, value: unknown): RemapEntry {
  const entry = fields(place, value);
  const small = (name: string, max: number): number => {
    const number = entry[name];
    if (Number.isInteger(number) && (number as number) >= 0 && (number as number) <= max)
      return number as number;
    throw invalid(`${place}.${name}`, `must be a whole number of 0 to ${max}`);
  };
  return {
    originalSector: sector(decimal(`${place}.original`, entry.original)) as Sector,
    spareSector: sector(decimal(`${place}.spare`, entry.spare)) as Sector,
    remapTimestampNs: unixNanoseconds(decimal(`${place}.timestamp`, entry.timestamp)) as UnixNanoseconds,
    accessCount: small('accessCount', 0xffff_ffff),
    errorCount: small('errorCount', 0xffff_ffff),
    remapReason: small('reason', 0xffff),
    flags: small('flags', 0xffff),
    padding: 0,
  };
}

const invalid = (place: string, what: string) => new DmremapError('ERR_TABLE_INVALID', `${place} ${what}`);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DmremapError('ERR_TABLE_INVALID', 'the document is not JSON', { cause });
  }
}

function fields(place: string, value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(place, 'must be an object');
  return value as Record<string, unknown>;
}

function decimal(place: string, value: unknown): bigint {
  if (typeof value === 'string' && /^[0-9]{1,20}$/.test(value)) {
    const number = BigInt(value);
    if (number <= u64Max) return number;
  }
  throw invalid(place, 'must be a decimal string of 0 to 2^64 - 1');
}
