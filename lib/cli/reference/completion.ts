// Room: cli, pure part. What can be typed where: read off the definitions, for the scripts of the three shells.
import type { Command } from '../command.js';

/** What a value or an operand can be completed with: nothing, files, or words that are fixed. */
export interface Place {
  /** As in the help. */
  readonly name: string;
  readonly files: boolean;
  readonly choices: readonly string[];
}

export interface OptionPlace {
  readonly flag: string;
  readonly help: string;
  /** What takes the next word, or follows an equals sign. Undefined for a flag. */
  readonly value: Place | undefined;
  /** A value that can be left out: it follows an equals sign, and takes no word of its own. */
  readonly attached: Place | undefined;
}

export interface Completed {
  readonly words: readonly string[];
  readonly summary: string;
  readonly options: readonly OptionPlace[];
  readonly operands: readonly Place[];
  /** Whether the last operand can be given more than once. */
  readonly repeats: boolean;
}

const pathNames = ['PATH', 'SPARE', 'FILE'];

/** Small letters are typed as they stand; PATH, SPARE and FILE are files or devices; of the rest nobody knows. */
function placeOf(name: string): Place {
  const words = name.split('|');
  const choices = words.every((word) => /^[a-z0-9-]+$/.test(word)) ? words : [];
  return { name, choices, files: words.some((word) => pathNames.includes(word)) };
}

/** A command, as the shells see it. */
export function completed({ name, summary, operands, options }: Command): Completed {
  const places = operands.split(' ').filter(Boolean);
  return {
    words: name.split(' '),
    summary,
    options: [
      ...Object.entries(options).map(([option, { value, optional, help }]) => ({
        flag: `--${option}`,
        help,
        value: value === undefined || optional ? undefined : placeOf(value),
        attached: value !== undefined && optional ? placeOf(value) : undefined,
      })),
      { flag: '--help', help: 'print the help of this command', value: undefined, attached: undefined },
    ],
    operands: places.map((place) => placeOf(place.replace(/^\[(.*)\]/, '$1').replace(/\.\.\.$/, ''))),
    repeats: places.at(-1)?.endsWith('...') === true,
  };
}

/** The options in the place of a command. */
export const generalFlags = [
  { flag: '--help', help: 'print the help' },
  { flag: '--version', help: 'print the version' },
] as const;

/** What a word in the place of a command is for: a command, or the first word of several. */
export function firstWords(commands: readonly Completed[]): Map<string, Completed[]> {
  const groups = new Map<string, Completed[]>();
  for (const command of commands) {
    const [first = ''] = command.words;
    groups.set(first, [...(groups.get(first) ?? []), command]);
  }
  return groups;
}

/** What stands for a first word: the summary of its command, or the words that can follow. */
export const summaryOf = (members: readonly Completed[]): string =>
  members.length === 1 && members[0]?.words.length === 1
    ? members[0].summary
    : members.map(({ words }) => words[1]).join(', ');
