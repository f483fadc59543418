import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinBytes } from '../../lib/base/bytes.js';

describe('joined bytes', () => {
  test('are the parts one after the other, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (parts) => {
        const joined = joinBytes(...parts);
        expect(Array.from(joined)).toEqual(parts.flatMap((part) => Array.from(part)));
        expect(joined.buffer.byteLength).toBe(joined.length);
      }),
    );
  });

  test('have memory of their own, as have their slices', () => {
    const part = Uint8Array.of(1, 2, 3);
    const joined = joinBytes(part);
    const slice = joined.slice();
    part.fill(9);
    joined.fill(8);
    expect(slice).toEqual(Uint8Array.of(1, 2, 3));
    expect(part).toEqual(Uint8Array.of(9, 9, 9));
  });
});
