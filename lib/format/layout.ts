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
type FieldSpec =
  | readonly [name: string, kind: keyof KindValues]
  | readonly [name: string, kind: 'bytes', bytes: number];

type FieldValue<Spec extends FieldSpec> = Spec[1] extends keyof KindValues
  ? KindValues[Spec[1]]
  : Uint8Array<ArrayBuffer>;

/** What reading a table of fields yields. */
type LayoutRecord<Specs extends readonly FieldSpec[]> = {
  readonly [Spec in Specs[number] as Spec[0]]: FieldValue<Spec>;
};

/** Where a field lies in its structure, in bytes from the structure's start. */
interface FieldPlace {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A structure on disk: reads and writes whole records at a byte position of a view. */
export interface Layout<Specs extends readonly FieldSpec[]> {
  readonly totalBytes: number;
  readonly fields: readonly FieldPlace[];
  /** Of each field, from the structure's start: for what reads or writes it without a loop over the fields. */
  readonly offsets: { readonly [Spec in Specs[number] as Spec[0]]: number };
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
  fits(value: Value): boolean;
  get(view: DataView, at: number): Value;
  set(view: DataView, at: number, value: Value): void;
}

/** Whether a value fits so many bytes. Numbers and bigints are held against limits of their own kind, made once. */
function fitsBytes(bytes: number): Access['fits'] {
  const limit = 2 ** (8 * bytes);
  const bigLimit = BigInt(limit);
  return (value) => {
    if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value < limit;
    return typeof value === 'bigint' && value >= 0n && value < bigLimit;
  };
}

const u16: Access = {
  bytes: 2,
  fits: fitsBytes(2),
  get: (view, at) => view.getUint16(at, true),
  set: (view, at, value) => view.setUint16(at, Number(value), true),
};
const u32: Access = {
  bytes: 4,
  fits: fitsBytes(4),
  get: (view, at) => view.getUint32(at, true),
  set: (view, at, value) => view.setUint32(at, Number(value), true),
};
const wide32: Access = { ...u32, get: (view, at) => BigInt(view.getUint32(at, true)) };
const u64: Access = {
  bytes: 8,
  fits: fitsBytes(8),
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
  fits: (value) => value instanceof Uint8Array && value.length === bytes,
  get: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, bytes).slice(),
  set: (view, at, value) => new Uint8Array(view.buffer, view.byteOffset + at, bytes).set(value as Uint8Array),
});

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
    offsets: Object.fromEntries(places.map(({ name, offset }) => [name, offset])) as Layout<Specs>['offsets'],
    read(view, base) {
      const record: Record<string, Value> = {};
      for (const { name, offset, access } of places) record[name] = access.get(view, base + offset);
      return record as LayoutRecord<Specs>;
    },
    write(view, base, record) {
      const values: Record<string, Value> = record;
      for (const { name, offset, access } of places) {
        const value = values[name] as Value;
        if (!access.fits(value)) {
          throw argumentError('ERR_OUT_OF_RANGE', `${name} does not fit into ${access.bytes} bytes`);
        }
        access.set(view, base + offset, value);
      }
    },
  };
}

/** A view of the same bytes. */
export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
