// Room: cli. From the words that were typed to a command and what it was given. commander cuts them and finds what was
// meant; what GNU refuses and commander lets pass is refused here, and every error gets our words and our code.
import { Command as Commander, CommanderError } from 'commander';
import type { Command, CommandTable } from '../command.js';
import { type Args, type OptionSpecs, UsageError } from './args.js';

/** What the command line asks for. `of` is a command, the first word of several, or '' for all of them. */
type CommandLine =
  | { readonly does: 'run'; readonly command: Command; readonly args: Args }
  | { readonly does: 'help'; readonly of: string }
  | { readonly does: 'version' };

/**
 * Takes GNU manners: `--option=value`, `--option value`, options behind operands, `--` ends them. Loads the one command
 * that was named. @throws UsageError ERR_USAGE
 */
export async function parseCommandLine(
  argv: readonly string[],
  commands: CommandTable,
): Promise<CommandLine> {
  if (argv[0] === '--') throw new UsageError('a command is missing');
  let asked: CommandLine | undefined;
  const root = new Parser('dmremap').silent().general().option('--version');
  const groups = new Map([['', root]]);
  for (const [name, load] of Object.entries(commands)) {
    const words = name.split(' ');
    const own = words.pop() ?? '';
    const group = words.join(' ');
    const parent = groups.get(group) ?? root.command(group).general();
    groups.set(group, parent);
    const parser: Parser = parent.command(own).argument('[operands...]').helpOption('-h, --help');
    parser.prepare = async () => {
      const command = await load();
      parser.specify(command.options);
      parser.action(() => {
        const above = [root, parent].find((one) => one.opts().help);
        if (above !== undefined) asked = { does: 'help', of: above.path };
        else if (root.opts().version) throw new UsageError("'--version' stands alone");
        else asked = { does: 'run', command, args: parser.given() };
      });
    };
  }
  let at = root;
  const follow = async (_: Commander, next: Commander) => {
    at = next as Parser;
    await at.prepare?.();
  };
  for (const group of groups.values()) group.hook('preSubcommand', follow);
  try {
    await root.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    asked = answered(error, at);
  }
  if (asked === undefined) throw new Error('the command line asks for nothing');
  return asked;
}

class Parser extends Commander {
  prepare: (() => Promise<void>) | undefined;
  problem: UsageError | undefined;
  /** Undefined for what others stand below: what is behind their names is theirs. */
  #specs: OptionSpecs | undefined;
  readonly #flags = new Set<string>();
  readonly #values = new Map<string, string>();

  /** The words that lead here: `remap add`; none for the program itself. */
  get path(): string {
    return this.parent instanceof Parser ? this.parent.pathOf(this.name()) : '';
  }

  pathOf(word: string): string {
    return this.path === '' ? word : `${this.path} ${word}`;
  }

  get below(): readonly string[] {
    return this.commands.map((one) => this.pathOf(one.name()));
  }

  override createCommand(name?: string): Parser {
    return new Parser(name);
  }

  /** Prints nothing and ends nothing: everything comes as an error. Inherited by the commands below. */
  silent(): this {
    const nothing = () => {};
    return this.exitOverride()
      .configureOutput({ writeOut: nothing, writeErr: nothing, outputError: nothing })
      .configureHelp({ formatHelp: () => '' });
  }

  /** For what others stand below: its options come before their names. */
  general(): this {
    return this.helpCommand(false).helpOption(false).option('-h, --help').enablePositionalOptions();
  }

  specify(specs: OptionSpecs): void {
    this.#specs = specs;
    for (const [name, { value, optional }] of Object.entries(specs)) {
      this.option(value === undefined || optional ? `--${name}` : `--${name} <value>`);
      this.on(`option:${name}`, (text?: string) => {
        if (this.#flags.has(name) || (!optional && this.#values.has(name)))
          this.#refuse(`option '--${name}' is given twice`);
        if (text === undefined) this.#flags.add(name);
        else this.#values.set(name, text);
      });
    }
  }

  given(): Args {
    if (this.problem !== undefined) throw this.problem;
    return { flags: this.#flags, values: this.#values, operands: this.args };
  }

  override parseOptions(args: string[]) {
    return super.parseOptions(this.#specs === undefined ? args : this.#checked(args, this.#specs));
  }

  #checked(args: readonly string[], specs: OptionSpecs): string[] {
    const checked = [...args];
    for (let at = 0; at < args.length && args[at] !== '--'; at += 1) {
      const [, name, inline] = /^--([^=]+)(=)?/.exec(args[at] ?? '') ?? [];
      if (name === undefined) continue;
      const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
      //  What was meant is looked for among names: a value would only be in the way.
      if (spec === undefined) checked[at] = `--${name}`;
      else if (spec.optional) {
        //  To commander it is a flag, so that the next word stays an operand.
        checked[at] = `--${name}`;
        if (inline !== undefined) this.#values.set(name, (args[at] ?? '').slice(name.length + 3));
      } else if (spec.value === undefined) {
        if (inline !== undefined) this.#refuse(`option '--${name}' takes no value`);
      } else if (inline === undefined) {
        at += 1;
        //  `--backup --json` is a forgotten value, not a file of that name; `--backup=--json` is.
        if (/^-./.test(args[at] ?? '--')) this.#refuse(`option '--${name}' needs a value: ${spec.value}`);
      }
    }
    return checked;
  }

  /** Not at once: who asks for help gets it, whatever else is wrong. */
  #refuse(message: string): void {
    this.problem ??= new UsageError(message, this.path);
  }
}

/** What an error of commander's means. `at` is the command that it had come to. */
function answered(error: unknown, at: Parser): CommandLine {
  if (!(error instanceof CommanderError)) throw error;
  if (error.code === 'commander.helpDisplayed') return { does: 'help', of: at.path };
  if (at.problem !== undefined) throw at.problem;
  if (error.code !== 'commander.help') throw new UsageError(errorText(error, at), at.path);
  //  A command that others stand below, and none of them behind it.
  if (at.opts().help) return { does: 'help', of: at.path };
  if (at.opts().version) return { does: 'version' };
  throw new UsageError(`a command is missing: ${alternatives(at.below)}`, at.path);
}

/** What is wrong, and what may have been meant, on one line. */
function errorText({ code, message }: CommanderError, at: Parser): string {
  const [, wrong = message, meant] =
    /^error: (.*?)(?:\n\(Did you mean (?:one of )?([^\n]*)\?\))?$/s.exec(message) ?? [];
  const words = meant?.split(', ') ?? [];
  if (code !== 'commander.unknownCommand') return wrong + didYouMean(words);
  const unknown = `unknown command '${at.pathOf(at.args[0] ?? '')}'`;
  if (words.length > 0) return unknown + didYouMean(words.map((word) => at.pathOf(word)));
  return at.path === '' ? unknown : `${unknown}: ${alternatives(at.below)}`;
}

const didYouMean = (words: readonly string[]): string =>
  words.length === 0 ? '' : `: did you mean ${alternatives(words)}?`;

function alternatives(names: readonly string[]): string {
  const quoted = names.map((name) => `'${name}'`);
  return quoted.length < 2 ? quoted.join() : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
