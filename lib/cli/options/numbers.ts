// Room: cli. Numbers and choices on the command line. Numbers are decimal digits and nothing else: what looks right in
// another notation ("0x10", "1e3") must not become another sector.
import { maxTimeoutMs } from '../../base/cancellable.js';
import { u64Max } from '../../base/units.js';
import { copyCount } from '../../format/structure.js';
import { type Args, UsageError } from './args.js';

/** A whole number from `least` to `most`. `name` says which, in the error. */
export function wholeNumber(
  text: string,
  name: string,
  command: string,
  least = 0n,
  most: bigint = u64Max,
): bigint {
  //  20 digits hold 2^64 - 1; a longer string is not worth reading.
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || value < least || value > most) {
    throw new UsageError(
      `bad number '${text}' for ${name}: a whole decimal number from ${least} to ${most}`,
      command,
    );
  }
  return value;
}

/** The number of an option, or undefined where it is not given. */
export function numberOption(
  args: Args,
  name: string,
  command: string,
  least = 0n,
  most: bigint = u64Max,
): bigint | undefined {
  const text = args.values.get(name);
  return text === undefined ? undefined : wholeNumber(text, `--${name}`, command, least, most);
}

/** `--copy N`: 0 to 4. */
export function copyOption(args: Args, command: string): number | undefined {
  const copy = numberOption(args, 'copy', command, 0n, BigInt(copyCount - 1));
  return copy === undefined ? undefined : Number(copy);
}

/** `--timeout MS`. */
export function timeoutOption(args: Args, command: string): number | undefined {
  const ms = numberOption(args, 'timeout', command, 0n, BigInt(maxTimeoutMs));
  return ms === undefined ? undefined : Number(ms);
}

/** One of the words that an option takes, or undefined where it is not given. */
export function choiceOption<Choice extends string>(
  args: Args,
  name: string,
  choices: readonly Choice[],
  command: string,
): Choice | undefined {
  const text = args.values.get(name);
  const choice = choices.find((one) => one === text);
  if (text !== undefined && choice === undefined) {
    throw new UsageError(`bad value '${text}' for --${name}: one of ${choices.join(', ')}`, command);
  }
  return choice;
}
