// Room: format. Strings from disk are bytes of a stranger: they end at the first NUL and are shown so that no
// terminal can be made to obey them (format section 6 rule 5).

/**
 * The text of a fixed field: up to the first NUL, with control bytes, bytes from 0x7f up and the backslash itself
 * written as \xNN, so that the bytes can be told back from the text.
 */
export function textOf(field: Uint8Array): string {
  const end = field.indexOf(0);
  return Array.from(end === -1 ? field : field.subarray(0, end), (byte) =>
    byte < 0x20 || byte >= 0x7f || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, '0')}`
      : String.fromCharCode(byte),
  ).join('');
}
