// Room: format, pure part. Some of the bytes of a device, by where they lie.

/** Bytes that were read, and from where. */
export interface Extent {
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

/** A range of a device. */
export interface Range {
  readonly offset: bigint;
  readonly length: number;
}

export class SparseBytes {
  readonly #extents: readonly Extent[];

  constructor(extents: readonly Extent[]) {
    this.#extents = extents;
  }

  /** The bytes of a range; undefined where not all of it was read. A range over two extents counts as not read. */
  at(offset: bigint, length: number): Uint8Array | undefined {
    for (const { offset: first, bytes } of this.#extents) {
      if (offset < first || offset + BigInt(length) > first + BigInt(bytes.length)) continue;
      const from = Number(offset - first);
      return bytes.subarray(from, from + length);
    }
    return undefined;
  }
}
