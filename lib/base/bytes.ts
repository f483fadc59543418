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
