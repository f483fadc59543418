// Room: format, pure part. Some of the bytes of a device, by where they lie.

/** Bytes that were read, and from where. */
interface Extent {
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

/** A range of a device. */
export interface Range {
  readonly offset: bigint;
  readonly length: number;
}

interface BoundedExtent extends Extent {
  readonly end: bigint;
}

export class SparseBytes {
  readonly #extents: readonly BoundedExtent[];
  /** Most questions are about the extent that the last one was about. */
  #last = 0;

  constructor(extents: readonly Extent[]) {
    this.#extents = extents.map(({ offset, bytes }) => ({
      offset,
      bytes,
      end: offset + BigInt(bytes.length),
    }));
  }

  /** The bytes of a range; undefined where not all of it was read. A range over two extents counts as not read. */
  at(offset: bigint, length: number): Uint8Array | undefined {
    const end = offset + BigInt(length);
    for (let turn = 0; turn < this.#extents.length; turn++) {
      const index = (this.#last + turn) % this.#extents.length;
      const extent = this.#extents[index] as BoundedExtent;
      if (offset < extent.offset || end > extent.end) continue;
      this.#last = index;
      const from = Number(offset - extent.offset);
      return extent.bytes.subarray(from, from + length);
    }
    return undefined;
  }
}
