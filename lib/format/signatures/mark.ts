// Room: format, pure part. What a mark is: bytes at a place of a device by which a reader knows whose data it holds.

/** Where a structure begins. At the end of a device places are counted back from the last whole block. */
export type Place =
  | { readonly from: 'start'; readonly offset: number }
  | { readonly from: 'end'; readonly distance: number; readonly block: number };

/** Bytes that one kind of data carries at one place. */
export interface Mark {
  readonly base: Place;
  /** Of the bytes, in the structure. */
  readonly at: number;
  readonly bytes: Uint8Array;
  /** How much of the structure has to be read. */
  readonly span: number;
  /** For short marks, which other bytes may carry too: what else must hold. Sees `span` bytes of the structure. */
  readonly holds: ((structure: DataView) => boolean) | undefined;
}

/** A kind of data, and every mark that it may be known by. */
export interface Signature {
  /** To follow "it holds": with its article. */
  readonly name: string;
  readonly marks: readonly Mark[];
}

export const start = (offset: number): Place => ({ from: 'start', offset });

/** `distance` bytes before the end of the last whole block. */
export const end = (distance: number, block = 512): Place => ({ from: 'end', distance, block });

/** What follows a mark, where the mark alone is too short. */
export interface Check {
  readonly span: number;
  readonly holds: (structure: DataView) => boolean;
}

export function mark(base: Place, at: number, bytes: string | readonly number[], check?: Check): Mark {
  const marked = typeof bytes === 'string' ? Uint8Array.from(bytes, codeOf) : Uint8Array.from(bytes);
  return { base, at, bytes: marked, span: check?.span ?? at + marked.length, holds: check?.holds };
}

/** The same mark in structures at several places. */
export const marksAt = (
  bases: readonly Place[],
  at: number,
  bytes: string | readonly number[],
  check?: Check,
): Mark[] => bases.map((base) => mark(base, at, bytes, check));

/** `count` places, `step` bytes apart. */
export const placesFrom = (first: number, step: number, count: number): Place[] =>
  Array.from({ length: count }, (_, index) => start(first + index * step));

const codeOf = (letter: string): number => letter.charCodeAt(0);
