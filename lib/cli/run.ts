// Room: cli. From arguments to a command and to an exit status. Never throws, never touches the process.
import { readFileSync } from 'node:fs';
import { parse, UsageError } from './args.js';
import { backupCommand } from './backup-command.js';
import { checkCommand } from './check-command.js';
import { type Command, print } from './command.js';
import type { Context } from './context.js';
import { createCommand } from './create-command.js';
import { doctorCommand } from './doctor-command.js';
import { examineCommand } from './examine-command.js';
import { exitBits } from './exit-status.js';
import { reportFailure } from './failure.js';
import { handoverCommand } from './handover-command.js';
import { commandHelp, generalHelp, shortUsage } from './help.js';
import { remapAddCommand } from './remap-add-command.js';
import { remapListCommand } from './remap-list-command.js';
import { remapLookupCommand } from './remap-lookup-command.js';
import { remapRemoveCommand } from './remap-remove-command.js';
import { repairCommand } from './repair-command.js';
import { restoreCommand } from './restore-command.js';
import { undoCommand } from './undo-command.js';

const commands: readonly Command[] = [
  examineCommand,
  checkCommand,
  createCommand,
  repairCommand,
  undoCommand,
  backupCommand,
  restoreCommand,
  handoverCommand,
  remapListCommand,
  remapLookupCommand,
  remapAddCommand,
  remapRemoveCommand,
  doctorCommand,
];

/** Runs the command line of `context` and returns the exit status. */
export async function run(context: Context): Promise<number> {
  const { argv, stderr } = context;
  try {
    if (argv.length === 0) {
      stderr.write(`${shortUsage().join('\n')}\n`);
      return exitBits.usage;
    }
    if (argv[0]?.startsWith('-')) return general(context);
    const command = commandOf(argv);
    if (command === undefined) return groupHelp(context);
    const args = parse(argv.slice(command.name.split(' ').length), command.options, command.name);
    if (!args.help) return await command.run(context, args);
    print(context, commandHelp(command));
    return exitBits.clean;
  } catch (error) {
    return reportFailure(context, error);
  }
}

/** The command that the arguments begin with: `examine`, `remap add`. */
const commandOf = (argv: readonly string[]): Command | undefined =>
  commands.find(({ name }) => name.split(' ').every((word, at) => argv[at] === word));

/** Options in the place of a command. */
function general(context: Context): number {
  const args = parse(context.argv, { version: { help: '' } }, '');
  if (args.help) print(context, generalHelp(commands));
  else if (args.flags.has('version') && args.operands.length === 0) print(context, [`dmremap ${version()}`]);
  else throw new UsageError('a command is missing');
  return exitBits.clean;
}

/** The first word of commands with two, alone: its help, or an error that names the second ones. */
function groupHelp(context: Context): number {
  const [group = '', second] = context.argv;
  const members = commands.filter(({ name }) => name.startsWith(`${group} `));
  if (members.length === 0 || group === '') throw new UsageError(`unknown command '${group}'`);
  if (second === '--help' || second === '-h') {
    print(context, generalHelp(members));
    return exitBits.clean;
  }
  const names = alternatives(members.map(({ name }) => `'${name}'`));
  throw new UsageError(
    second === undefined
      ? `a command is missing: ${names}`
      : `unknown command '${group} ${second}': ${names}`,
  );
}

const alternatives = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { readonly version: unknown }).version);
}
