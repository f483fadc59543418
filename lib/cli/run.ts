// Room: cli. From arguments to a command and to an exit status. Never throws, never touches the process.
import { readFileSync } from 'node:fs';
import { type Command, print } from './command.js';
import { allCommands, commands } from './commands.js';
import type { Context } from './context.js';
import type { Args } from './options/args.js';
import { parseCommandLine } from './options/command-line.js';
import { exitBits } from './print/exit-status.js';
import { reportFailure } from './print/failure.js';
import { Progress } from './print/progress.js';

/** Runs the command line of `context` and returns the exit status. */
export async function run(context: Context): Promise<number> {
  const { argv, stderr } = context;
  try {
    if (argv.length === 0) {
      stderr.write("usage: dmremap COMMAND [options] PATH\nTry 'dmremap --help'.\n");
      return exitBits.usage;
    }
    const asked = await parseCommandLine(argv, commands);
    if (asked.does === 'run') return await runCommand(context, asked.command, asked.args);
    print(context, asked.does === 'help' ? await help(asked.of) : [`dmremap ${version()}`]);
    return exitBits.clean;
  } catch (error) {
    return reportFailure(context, error);
  }
}

/** With the progress of those that have the option. */
async function runCommand(context: Context, command: Command, args: Args): Promise<number> {
  if (command.options['progress-json'] === undefined) return command.run(context, args);
  const progress = new Progress(context, args, command.name);
  const { stdout, stderr } = progress;
  const watched = { ...context, stdout, stderr, progress };
  try {
    const exitStatus = await command.run(watched, args).catch((error) => reportFailure(watched, error));
    progress.begin('verdict', { exitStatus });
    return exitStatus;
  } finally {
    progress.end();
  }
}

async function help(of: string): Promise<readonly string[]> {
  const { commandHelp, generalHelp } = await import('./reference/help.js');
  const load = commands[of];
  if (load !== undefined) return commandHelp(await load());
  const members = (await allCommands()).filter(({ name }) => of === '' || name.startsWith(`${of} `));
  return generalHelp(members, of);
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { readonly version: unknown }).version);
}
