// Room: format. Strings from disk are bytes of a stranger: they end at the first NUL and are shown so that no
// terminal can be made to obey them (format.md rule 5).

/**
 * The text of a fixed field: up to the first NUL, with control bytes, bytes from 0x7f up and the backslash itself
 * written as \xNN, so that the bytes can be told back from the text.
 */
export function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return escaped(end === -1 ? field : field.subarray(0, end));
}

/** The same of all bytes but the NULs at the end: what stands behind the first NUL is not lost. */
export const wholeTextOf = (field: Uint8Array): string => escaped(withoutZeros(field));

/** The bytes of a text that `wholeTextOf` has made; null where it is none. */
export function bytesOfText(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code >= 0x7f) return null;
    if (code !== 0x5c) {
      bytes.push(code);
      continue;
    }
    const digits = /^x([0-9a-f]{2})$/.exec(text.slice(at + 1, at + 4))?.[1];
    if (digits === undefined) return null;
    bytes.push(Number.parseInt(digits, 16));
    at += 3;
  }
  return Uint8Array.from(bytes);
}

/** The bytes up to the last one that is not zero. */
export function withoutZeros(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.subarray(0, end);
}

const escaped = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) =>
    byte < 0x20 || byte >= 0x7f || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  ).join('');
