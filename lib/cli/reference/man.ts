// Room: cli. The manual pages, made from the same definitions as the help: man(7) macros, for groff and mandoc.
import type { Command } from '../command.js';
import { allCommands } from '../commands.js';
import { exitStatusText, optionPairs, paragraphs, programSummary, sentenceOf } from './help.js';
import { inline, literal, roff } from './roff.js';

/** What the variables of the environment do, for dmremap(1). */
const environment = [
  [
    'DMREMAP_ENGINE',
    'The engine that moves the bytes: io_uring, libaio or threads. Without it the best that works here.',
  ],
  ['NO_COLOR', 'Where it is set and not empty, a terminal gets no colour.'],
  ['XDG_STATE_HOME', 'Backups go into its folder dmremap; without it into ~/.local/state/dmremap.'],
] as const;

/** Every page by the name of its file: `dmremap.1`, `dmremap-remap-add.1`. */
export async function manPages(version: string): Promise<Map<string, string>> {
  const commands = await allCommands();
  return new Map([
    ['dmremap.1', programPage(commands, version)],
    ...commands.map((command) => [`${pageOf(command)}.1`, commandPage(command, commands, version)] as const),
  ]);
}

const pageOf = ({ name }: Command): string => `dmremap-${name.replaceAll(' ', '-')}`;

const programPage = (commands: readonly Command[], version: string): string =>
  page('dmremap', version, 'keep the dm-remap v4 metadata on the spare of a failing disk', [
    '.SH SYNOPSIS',
    '.B dmremap',
    '.I COMMAND',
    '.RI [ options ]',
    '.I PATH',
    '.SH DESCRIPTION',
    roff(programSummary),
    roff(
      'PATH is a block device or an image file; commands that read take an image of the first 655360 bytes too.',
    ),
    '.SH COMMANDS',
    ...commands.flatMap((command) => [
      '.TP',
      `.BR ${literal(pageOf(command))} (1)`,
      roff(sentenceOf(command.summary)),
    ]),
    '.SH OPTIONS',
    ...tagged([
      ['--help', "Print the help; behind a command: the command's."],
      ['--version', 'Print the version.'],
    ]),
    ...exitStatus,
    '.SH ENVIRONMENT',
    ...tagged(environment),
    ...seeAlso(commands.map(pageOf)),
  ]);

function commandPage(command: Command, commands: readonly Command[], version: string): string {
  const { name, operands, summary, about, options, examples } = command;
  const [first] = name.split(' ');
  const relatives = commands.filter((other) => other !== command && other.name.split(' ')[0] === first);
  return page(pageOf(command), version, summary, [
    '.SH SYNOPSIS',
    `.B dmremap ${literal(name)}`,
    '.RI [ options ]',
    ...operands.split(' ').map((operand) => `.I ${literal(operand)}`),
    '.SH DESCRIPTION',
    ...paragraphs(about).flatMap((text, at) => [...(at === 0 ? [] : ['.PP']), roff(text)]),
    '.SH OPTIONS',
    ...tagged([...optionPairs(options), ['--help', 'print the help of this command']]),
    ...exitStatus,
    '.SH EXAMPLES',
    ...examples.flatMap((example) => [
      '.PP',
      roff(example.says),
      '.PP',
      '.RS 4',
      '.nf',
      literal(example.command),
      '.fi',
      '.RE',
    ]),
    ...seeAlso(['dmremap', ...relatives.map(pageOf)]),
  ]);
}

const page = (name: string, version: string, summary: string, body: readonly string[]): string =>
  [
    '.\\" Made by `npm run man` from the definitions in lib/cli: change those.',
    `.TH ${literal(name.toUpperCase())} 1 "" "dmremap ${version}" "dmremap"`,
    '.nh',
    '.ad l',
    '.SH NAME',
    `${literal(name)} \\- ${inline(summary)}`,
    ...body,
    '',
  ].join('\n');

const tagged = (pairs: readonly (readonly [string, string])[]): string[] =>
  pairs.flatMap(([term, text]) => {
    const [flag = '', ...value] = term.split(' ');
    const tag =
      value.length === 0 ? `.B ${literal(flag)}` : `.BI ${literal(flag)} " ${inline(value.join(' '))}"`;
    return ['.TP', tag, roff(text)];
  });

const exitStatus = [
  '.SH EXIT STATUS',
  'The sum of:',
  ...exitStatusText.flatMap(([bit, text]) => ['.TP', `.B ${bit}`, roff(text)]),
];

const seeAlso = (names: readonly string[]): string[] => [
  '.SH SEE ALSO',
  ...names.map((name, at) => `.BR ${literal(name)} (1)${at < names.length - 1 ? ',' : ''}`),
];
