// Room: cli, pure part. What is recommended: why, and the commands to type. A command has a line of its own, which is
// never folded, so that it can be copied from the terminal as it is.
import { indented, wrapped } from './text.js';

export interface Advice {
  /** One clause, without an end. Where there are commands, they follow it. */
  readonly says: string;
  readonly commands: readonly string[];
}

/** The lines of it, in at most `width` columns but for the commands. */
export const adviceLines = ({ says, commands }: Advice, width = Number.POSITIVE_INFINITY): string[] => [
  ...wrapped(`${capital(says)}${commands.length > 0 ? ':' : '.'}`, width),
  ...indented(indented(commands)),
];

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
