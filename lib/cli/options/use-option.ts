// Room: cli. `--use`: which table is meant, where more than one could be.
import { type Args, notEmpty, UsageError } from './args.js';
import { wholeNumber } from './numbers.js';

/** A copy of the spare, by its number or by its sequence. */
export type UseOfSpare =
  | { readonly kind: 'copy'; readonly copy: number }
  | { readonly kind: 'seq'; readonly sequence: bigint };

/** What `--use` names. */
export type Use = UseOfSpare | { readonly kind: 'file'; readonly file: string };

/** `--use copy=N|seq=N|file=BACKUP`; undefined where it is not given. */
export function useOption(args: Args, command: string): Use | undefined {
  const text = args.values.get('use');
  if (text === undefined) return undefined;
  if (args.flags.has('ignore-clock')) {
    throw new UsageError("'--use' and '--ignore-clock' exclude each other", command);
  }
  const [, kind, value = ''] = /^(copy|seq|file)=(.*)$/s.exec(text) ?? [];
  if (kind === 'file') return { kind, file: notEmpty(value, 'FILE of --use', command) };
  return useOfSpare(text, command, 'copy=N, seq=N or file=FILE');
}

/** The same for what is on the spare: `copy=N|seq=N`. */
export function useOfSpareOption(args: Args, command: string): UseOfSpare | undefined {
  const text = args.values.get('use');
  return text === undefined ? undefined : useOfSpare(text, command, 'copy=N or seq=N');
}

function useOfSpare(text: string, command: string, forms: string): UseOfSpare {
  const [, kind, value = ''] = /^(copy|seq)=(.*)$/s.exec(text) ?? [];
  switch (kind) {
    case 'copy':
      return { kind, copy: Number(wholeNumber(value, '--use copy=', command, 0n, 4n)) };
    case 'seq':
      return { kind, sequence: wholeNumber(value, '--use seq=', command) };
    default:
      throw new UsageError(`bad value '${text}' for --use: ${forms}`, command);
  }
}
