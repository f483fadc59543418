import { expect } from 'vitest';

/** The same bytes, whatever kind of array holds them. Says where they differ, and is quick on large ones. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  if (Buffer.compare(actual, expected) === 0) return;
  const at = expected.findIndex((byte, index) => byte !== actual[index]);
  const say = (bytes: Uint8Array) => ({ length: bytes.length, at, bytes: [...bytes.subarray(at, at + 8)] });
  expect(say(actual)).toEqual(say(expected));
}
