// Room: format. A structure on disk as a table: offsets follow from the order of the fields, the total is checked
// when the module is loaded. Little-endian is written out at every access, whatever the host is.
import { argumentError } from '../base/errors.js';
import type { Sector, Sequence, UnixNanoseconds, UnixSeconds } from '../base/units.js';

/** What a field of each kind is in memory. The word behind the width is the unit. */
interface KindValues {
  u16: number;
  u32: number;
  u64: bigint;
  'u32 sector': Sector; //  32 bits on disk, a sector like any other in memory.
  'u64 sector': Sector;
  'u64 sequence': Sequence;
  'u64 seconds': UnixSeconds;
  'u64 nanoseconds': UnixNanoseconds;
}

/** One row of a layout table: a name and a kind, and for raw bytes the number of them. */
export type FieldSpec =
  | readonly [name: string, kind: keyof KindValues]
  | readonly [name: string, kind: 'bytes', bytes: number];

type FieldValue<Spec extends FieldSpec> = Spec[1] extends keyof KindValues
  ? KindValues[Spec[1]]
  : Uint8Array<ArrayBuffer>;

/** What reading a table of fields yields. */
export type LayoutRecord<Specs extends readonly FieldSpec[]> = {
  readonly [Spec in Specs[number] as Spec[0]]: FieldValue<Spec>;
};

/** Where a field lies in its structure, in bytes from the structure's start. */
export interface FieldPlace {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A structure on disk: reads and writes whole records at a byte position of a view. */
export interface Layout<Specs extends readonly FieldSpec[]> {
  readonly totalBytes: number;
  readonly fields: readonly FieldPlace[];
  /** Reads the record at `base`. The view must hold the whole structure there. Byte fields are copied out. */
  read(view: DataView, base: number): LayoutRecord<Specs>;
  /**
   * Writes `record` at `base`, every field of it.
   * @throws RangeError ERR_OUT_OF_RANGE where a value does not fit its field: nothing wraps silently.
   */
  write(view: DataView, base: number, record: LayoutRecord<Specs>): void;
}

/** The record type of a layout. */
export type RecordOf<L> = L extends Layout<infer Specs> ? LayoutRecord<Specs> : never;

type Value = number | bigint | Uint8Array;

interface Access {
  readonly bytes: number;
  get(view: DataView, at: number): Value;
  set(view: DataView, at: number, value: Value): void;
}

const u16: Access = {
  bytes: 2,
  get: (view, at) => view.getUint16(at, true),
  set: (view, at, value) => view.setUint16(at, Number(value), true),
};
const u32: Access = {
  bytes: 4,
  get: (view, at) => view.getUint32(at, true),
  set: (view, at, value) => view.setUint32(at, Number(value), true),
};
const wide32: Access = { ...u32, get: (view, at) => BigInt(view.getUint32(at, true)) };
const u64: Access = {
  bytes: 8,
  get: (view, at) => view.getBigUint64(at, true),
  set: (view, at, value) => view.setBigUint64(at, value as bigint, true),
};

const accesses: Record<keyof KindValues, Access> = {
  u16,
  u32,
  u64,
  'u32 sector': wide32,
  'u64 sector': u64,
  'u64 sequence': u64,
  'u64 seconds': u64,
  'u64 nanoseconds': u64,
};

const rawBytes = (bytes: number): Access => ({
  bytes,
  get: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, bytes).slice(),
  set: (view, at, value) => new Uint8Array(view.buffer, view.byteOffset + at, bytes).set(value as Uint8Array),
});

function checkFits(name: string, access: Access, value: Value): void {
  const fits =
    value instanceof Uint8Array
      ? value.length === access.bytes
      : (typeof value === 'bigint' || Number.isInteger(value)) &&
        value >= 0 &&
        value < 1n << BigInt(8 * access.bytes);
  if (!fits) throw argumentError('ERR_OUT_OF_RANGE', `${name} does not fit into ${access.bytes} bytes`);
}

/**
 * Builds a layout from its table. Fields follow each other without gaps, so padding is a field too.
 * @param totalBytes what the fields must add up to; a table that does not is an error of ours, thrown at load.
 */
export function layout<const Specs extends readonly FieldSpec[]>(
  totalBytes: number,
  specs: Specs,
): Layout<Specs> {
  let end = 0;
  const places = specs.map((spec) => {
    const access = spec[1] === 'bytes' ? rawBytes(spec[2]) : accesses[spec[1]];
    const offset = end;
    end += access.bytes;
    return { name: spec[0], offset, bytes: access.bytes, access };
  });
  if (end !== totalBytes) throw new Error(`the fields add up to ${end} bytes, not to ${totalBytes}`);
  return {
    totalBytes,
    fields: places.map(({ name, offset, bytes }) => ({ name, offset, bytes })),
    read(view, base) {
      const record: Record<string, Value> = {};
      for (const { name, offset, access } of places) record[name] = access.get(view, base + offset);
      return record as LayoutRecord<Specs>;
    },
    write(view, base, record) {
      const values: Record<string, Value> = record;
      for (const { name, offset, access } of places) {
        const value = values[name] as Value;
        checkFits(name, access, value);
        access.set(view, base + offset, value);
      }
    },
  };
}

/** A view of the same bytes. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
