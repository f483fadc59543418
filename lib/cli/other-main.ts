// Room: cli. What overwrites metadata of another main device, or data of somebody else, wants the name of the spare typed:
// an answer that fits one device only.
import { basename } from 'node:path';
import { DmremapError } from '../base/errors.js';
import { type Args, UsageError } from './args.js';
import { ExplainedError } from './failure.js';

export const yesOption = {
  yes: {
    value: 'NAME',
    help: 'the name of SPARE: write although it belongs to another main device, or holds other data',
  },
} as const;

/** The same error, with the way on of the commands that take `--yes`. */
export const withYes = (error: unknown): unknown =>
  error instanceof DmremapError && (error.code === 'ERR_OTHER_MAIN' || error.code === 'ERR_DATA_PRESENT')
    ? new ExplainedError(error.code, error.message, [
        '--yes=NAME, with the name of the spare, writes all the same',
      ])
    : error;

/** Whether `--yes=NAME` names this spare: as it was given, or the last part of it. A wrong name is an error. */
export function allowedOther(args: Args, path: string, command: string): boolean {
  const name = args.values.get('yes');
  if (name === undefined) return false;
  if (name !== '' && (name === path || name === basename(path))) return true;
  throw new UsageError(`--yes names '${name}', and the spare is '${basename(path)}'`, command);
}
