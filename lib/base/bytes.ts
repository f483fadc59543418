// Copies of bytes. Memory that is written as a whole is not zeroed first: for a slot that costs as much as two checksums of it.

/** The parts one after the other, in memory of their own. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  // The array of the Buffer, and not the Buffer: its `slice` shares what that of an array copies.
  const joined = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer);
  let end = 0;
  for (const part of parts) {
    joined.set(part, end);
    end += part.length;
  }
  return joined;
}

/** 32 bits at `at`, little-endian. A view would cost more than the reading. */
export const u32At = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)) >>>
  0;

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Memory for what is made, used and forgotten over and over: making it each time costs more than filling it. */
export class Scratch {
  #bytes = new Uint8Array(0);
  #used = 0;

  /** What was taken until now is free. */
  reset(): void {
    this.#used = 0;
  }

  /** What was taken until now is left to whoever has it. */
  giveUp(): void {
    this.#bytes = new Uint8Array(0);
    this.#used = 0;
  }

  /** So many bytes, which hold anything, until the next `reset`. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      this.#used = 0;
    }
    this.#used += length;
    return this.#bytes.subarray(this.#used - length, this.#used);
  }
}
