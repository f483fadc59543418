// Room: cli. What an option is, what was given on the command line, and the error that names what is wrong with it.
// command-line.ts fills it in; the commands read it.
import { DmremapError } from '../../base/errors.js';

/**
 * An option: `value` is the placeholder of its value, missing for a flag. What is typed as it stands is in small letters
 * (`own|zero`), what stands for something else in capitals (`FILE`); completion goes by that.
 */
export interface OptionSpec {
  readonly value?: string;
  /** The value can be left out; where it is given, an equals sign is before it, as with GNU: the next word is an operand. */
  readonly optional?: true;
  readonly help: string;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What was given on the command line. */
export interface Args {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly operands: readonly string[];
}

/** The command line is wrong. `command` is the one whose help tells more. */
export class UsageError extends DmremapError {
  constructor(
    message: string,
    readonly command: string = '',
  ) {
    super('ERR_USAGE', message);
  }
}

/** Exactly these operands, none of them empty. `names` as in the help. */
export function exactOperands(args: Args, names: readonly string[], command: string): readonly string[] {
  const { operands } = args;
  const missing = names[operands.length];
  if (missing !== undefined) throw new UsageError(`${missing} is missing`, command);
  if (operands.length > names.length) {
    throw new UsageError(`'${operands[names.length]}' is one operand too many`, command);
  }
  return operands.map((operand, at) => notEmpty(operand, names[at] ?? '', command));
}

export function notEmpty(text: string, name: string, command: string): string {
  if (text === '') throw new UsageError(`${name} is empty`, command);
  return text;
}
