// Room: cli. From arguments to options and operands, and to errors that name what is wrong. node:util cuts the words;
// what they mean is decided here, because its own messages are not for people.
import { parseArgs } from 'node:util';
import { DmremapError } from '../base/errors.js';

/** An option: `value` is the placeholder of its value, missing for a flag. */
export interface OptionSpec {
  readonly value?: string;
  readonly help: string;
}
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What was given on the command line. */
export interface Args {
  readonly help: boolean;
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

/** Takes GNU manners: `--option=value`, `--option value`, options behind operands, `--` ends them. */
export function parse(argv: readonly string[], specs: OptionSpecs, command: string): Args {
  const fail = (message: string): never => {
    throw new UsageError(message, command);
  };
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string' } as const,
    ]),
  );
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true });
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const operands: string[] = [];
  if (tokens.some((token) => token.kind === 'option' && /^(--help|-h)$/.test(token.rawName))) {
    return { help: true, flags, values, operands };
  }
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const spec = rawName.startsWith('--') && Object.hasOwn(specs, name) ? specs[name] : undefined;
    if (spec === undefined) fail(`unknown option '${rawName}'`);
    else if (flags.has(name) || values.has(name)) fail(`option '${rawName}' is given twice`);
    else if (spec.value === undefined) {
      if (value !== undefined) fail(`option '${rawName}' takes no value`);
      flags.add(name);
    } else {
      //  `--backup --json` is a forgotten value, not a file of that name; `--backup=--json` is.
      const forgotten = value === undefined || (!inlineValue && /^-./.test(value));
      values.set(name, forgotten ? fail(`option '${rawName}' needs a value: ${spec.value}`) : value);
    }
  }
  return { help: false, flags, values, operands };
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
