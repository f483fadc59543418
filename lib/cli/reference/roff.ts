// Room: cli, pure part. Texts as troff takes them (groff(7), man-pages(7)).

/** A text as a line of input: at its start nothing is a request. */
export const roff = (text: string): string => inline(text).replace(/^[.']/, '\\&$&');

/** A text inside of a line; what stands in backticks in bold. */
export const inline = (text: string): string =>
  escaped(text).replace(/`([^`]*)`/g, (_, word: string) => `\\fB${word.replaceAll('-', '\\-')}\\fR`);

/** What is typed: its hyphens must be copied as such, and its quotes and carets stay what they are. */
export const literal = (text: string): string =>
  escaped(text)
    .replaceAll('-', '\\-')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha')
    .replaceAll("'", '\\(aq');

const escaped = (text: string): string => text.replaceAll('\\', '\\e');
