// Room: bench. A device that begins within another one, and counts what is written to it.

/** A Device of the library, as far as a store goes. Where it begins with the other one it costs a store no more than the counting. */
export class PlacedDevice {
  /** Bytes, of all writes. */
  written = 0;
  /** The groups of the last ordered batch, by the offsets of this device. */
  lastGroups = [];
  #inner;
  #start;

  /** @param start the offset of its first byte on the other device. */
  constructor(inner, start) {
    this.#inner = inner;
    this.#start = BigInt(start);
    this.info = { ...inner.info, sizeBytes: inner.info.sizeBytes - this.#start };
  }

  get closed() {
    return this.#inner.closed;
  }

  read(offset, length, options) {
    return this.#inner.read(this.#start + offset, length, options);
  }

  writeOrdered(groups, options) {
    this.lastGroups = groups;
    for (const steps of groups) for (const { bytes } of steps) this.written += bytes.length;
    return this.#inner.writeOrdered(this.#start === 0n ? groups : this.#moved(groups), options);
  }

  flush(options) {
    return this.#inner.flush(options);
  }

  allocate(bytes) {
    return this.#inner.allocate(Number(this.#start) + bytes);
  }

  isUnsettled(offset, length) {
    return this.#inner.isUnsettled(this.#start + offset, length);
  }

  #moved(groups) {
    return groups.map((steps) => steps.map(({ offset, bytes }) => ({ offset: this.#start + offset, bytes })));
  }
}
