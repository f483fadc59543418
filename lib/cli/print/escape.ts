// Room: cli. Text from outside (paths, arguments, messages that quote them) on its way to a terminal, a shell or JSON.

//  Beside control characters: what hides or reorders text (zero width, bidi), line separators, lone surrogates.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const unsafeInJson = /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu; //  JSON.stringify escapes the others itself.

const hexBytes = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');

/** The text on one line, with everything that could steer a terminal written as \xNN, byte by byte. */
export const escapeText = (text: string): string => text.replace(unsafe, hexBytes);

const longest = 480;

/** `escapeText`, with the middle left out of what is too long for a message. */
export function escapeMessage(text: string): string {
  const escaped = escapeText(text);
  if (escaped.length <= longest) return escaped;
  return `${escaped.slice(0, longest / 2)}...${escaped.slice(-longest / 2)}`;
}

/** A word that a shell takes as it is meant; with control characters in it, one that knows $'...'. */
export function shellQuote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (escapeText(word) === word) return `'${word.replaceAll("'", "'\\''")}'`;
  return `$'${escapeText(word.replace(/[\\']/g, '\\$&'))}'`;
}

/** What to type, to read in a text: `dmremap repair spare.img`. */
export const commandLine = (words: string, path: string): string =>
  `dmremap ${words} ${path.startsWith('-') ? '-- ' : ''}${shellQuote(path)}`;

/** The document as text, safe to look at in a terminal. */
export const jsonText = (document: unknown): string =>
  `${JSON.stringify(document, null, 2).replace(unsafeInJson, toUnicodeEscapes)}\n`;

function toUnicodeEscapes(text: string): string {
  let escaped = '';
  for (let at = 0; at < text.length; at += 1) {
    escaped += `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}
