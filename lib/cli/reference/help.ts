// Room: cli, pure part. The help texts, made from the same definitions that the arguments are parsed with.

import type { Command, Example } from '../command.js';
import type { OptionSpec, OptionSpecs } from '../options/args.js';
import { indented, wrapped } from '../print/text.js';

const width = 80;

/** What dmremap is, in one sentence: for the help and the manual. */
export const programSummary = 'Keeps the dm-remap v4 metadata on the spare of a failing disk.';

/** The bits of the exit status. */
export const exitStatusText = [
  ['0', 'nothing wrong'],
  ['1', 'damage was found and has been repaired'],
  ['4', 'damage or ambiguity is left'],
  ['8', 'the operation failed'],
  ['16', 'usage or input error'],
  ['32', 'cancelled'],
] as const;

/** Of all commands, or of those that begin with the word `of`. */
export const generalHelp = (commands: readonly Command[], of: string): string[] => [
  `usage: dmremap ${of === '' ? '' : `${of} `}COMMAND [options] PATH`,
  programSummary,
  '',
  ...pairs(commands.map(({ name, summary }) => [name, summary])),
  '',
  ...pairs([
    ['--help', "this text; behind a command: the command's, with examples"],
    ...(of === '' ? ([['--version', 'the version']] as const) : []),
  ]),
  '',
  ...wrapped(`exit status, OR-ed: ${exitStatusText.map((pair) => pair.join(' ')).join(', ')}`, width),
];

export const commandHelp = ({ name, operands, summary, about, options, examples }: Command): string[] => [
  ...wrapped(usageOf({ name, operands }), width),
  ...wrapped(sentenceOf(summary), width),
  ...paragraphs(about).flatMap((text) => ['', ...wrapped(text, width)]),
  '',
  ...pairs([...optionPairs(options), ['--help', 'this text']]),
  '',
  pickTitle(examples),
  ...examples.flatMap(({ command, says }) => indented([...wrapped(says, width - 2), `  $ ${command}`])),
];

/** How a command is typed. */
const usageOf = ({ name, operands }: Pick<Command, 'name' | 'operands'>): string =>
  `usage: dmremap ${name} [options] ${operands}`;

/** The summary as a sentence of its own. */
export const sentenceOf = (summary: string): string =>
  `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;

/** The lines of `about`, joined to paragraphs. */
export const paragraphs = (about: readonly string[]): string[] =>
  about
    .map((line) => line || '\n')
    .join(' ')
    .split(' \n ');

/** Options as they are typed, and what they do. */
export const optionPairs = (options: OptionSpecs): [string, string][] =>
  Object.entries(options).map(([name, spec]) => [optionText(name, spec), spec.help]);

function optionText(name: string, { value, optional }: OptionSpec): string {
  if (value === undefined) return `--${name}`;
  return optional ? `--${name}[=${value}]` : `--${name} ${value}`;
}

const pickTitle = (examples: readonly Example[]): string =>
  examples.length === 1 ? 'example:' : 'examples:';

/** Two columns; what is too long for the right one goes on below. */
function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const left = Math.max(...rows.map(([term]) => term.length));
  return rows.flatMap(([term, text]) =>
    wrapped(text, width - left - 4).map((line, at) => `  ${(at === 0 ? term : '').padEnd(left)}  ${line}`),
  );
}
