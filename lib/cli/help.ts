// Room: cli, pure part. The help texts, made from the same tables that the arguments are parsed with.
import type { OptionSpecs } from './args.js';
import type { Command } from './command.js';

/** Of all commands, or of those that begin with the word `of`. */
export const generalHelp = (commands: readonly Command[], of: string): string[] => [
  `usage: dmremap ${of === '' ? '' : `${of} `}COMMAND [options] PATH`,
  'Keeps the dm-remap v4 metadata on the spare of a failing disk.',
  '',
  ...pairs(commands.map(({ name, summary }) => [name, summary])),
  '',
  ...pairs([
    ['--help', "this text; behind a command: the command's"],
    ...(of === '' ? ([['--version', 'the version']] as const) : []),
  ]),
  '',
  'exit status, OR-ed: 0 nothing wrong, 1 repaired, 4 damage or ambiguity is left, 8 the operation failed,',
  '  16 usage or input error, 32 cancelled',
];

export const commandHelp = ({ name, operands, summary, about, options }: Command): string[] => [
  `usage: dmremap ${name} [options] ${operands}`,
  `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
  '',
  ...about,
  '',
  ...pairs([...optionPairs(options), ['--help', 'this text']]),
];

const optionPairs = (options: OptionSpecs): [string, string][] =>
  Object.entries(options).map(([name, { value, help }]) => [
    value === undefined ? `--${name}` : `--${name} ${value}`,
    help,
  ]);

function pairs(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
