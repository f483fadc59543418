// Room: cli. What overwrites metadata of another main device, or data of somebody else, wants the name of the spare typed:
// an answer that fits one device only. On a terminal a person is asked for it; --json is for scripts, which nobody asks.
import { basename } from 'node:path';
import { DmremapError } from '../../base/errors.js';
import { RehearsalDevice } from '../../device/rehearsal-device.js';
import { rehearsalOf } from '../../recovery/region.js';
import type { Plan } from '../../recovery/rehearse.js';
import { otherMain, refuseOtherMain } from '../../recovery/restore.js';
import type { Findings } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { mainsText } from '../../store/examine/mains.js';
import { validCopies } from '../../store/table/copies.js';
import type { Context } from '../context.js';
import { type Args, UsageError } from '../options/args.js';
import { escapeText } from '../print/escape.js';
import { ExplainedError, errorLine } from '../print/failure.js';
import { counted } from '../print/text.js';
import type { Spare } from './spare.js';

export const yesOption = {
  yes: {
    value: 'NAME',
    help: 'the name of SPARE: write although it belongs to another main device, or holds other data',
  },
} as const;

/** Whether it is a refusal that the name of the spare lets pass. */
export const wantsName = (error: unknown): error is DmremapError =>
  error instanceof DmremapError && (error.code === 'ERR_OTHER_MAIN' || error.code === 'ERR_DATA_PRESENT');

/** The same error, with the way on of the commands that take `--yes`. */
export const withYes = (error: unknown): unknown =>
  wantsName(error)
    ? new ExplainedError(error.code, error.message, [
        ...(error instanceof ExplainedError ? error.lines : []),
        '--yes=NAME, with the name of the spare, writes all the same',
      ])
    : error;

/** Whether `--yes=NAME` names this spare: as it was given, or the last part of it. A wrong name is an error. */
export function allowedOther(args: Args, path: string, command: string): boolean {
  const name = args.values.get('yes');
  if (name === undefined) return false;
  if (isNameOf(path, name)) return true;
  throw new UsageError(`--yes names '${name}', and the spare is '${basename(path)}'`, command);
}

/** Whether valid copies name different main devices: a copy that is named is not enough then (format.md rule 2). */
export const holdsOtherMain = ({ ambiguities }: Pick<Findings, 'ambiguities'>): boolean =>
  ambiguities.some(({ kind }) => kind === 'other-main');

/** To follow what `--apply` does: what it wants beside. */
export const nameToo = (findings: Pick<Findings, 'ambiguities'>): string =>
  holdsOtherMain(findings) ? ', with the name of the spare as well (--yes=NAME)' : '';

/**
 * Where valid copies name different main devices: whichever of them is named, the table of another disk is overwritten.
 * @throws DmremapError ERR_OTHER_MAIN.
 */
export function refuseMixedMains(path: string, { ambiguities }: Pick<Findings, 'ambiguities'>): void {
  for (const ambiguity of ambiguities) {
    if (ambiguity.kind !== 'other-main') continue;
    const message = `${path}: ${mainsText(ambiguity.mains)}: the tables of all but one are overwritten`;
    throw new DmremapError('ERR_OTHER_MAIN', message);
  }
}

/** Exactly as it was given, or the last part of it. */
const isNameOf = (path: string, typed: string): boolean =>
  typed !== '' && (typed === path || typed === basename(path));

/**
 * Plans, without anything of others being overwritten; where that is refused, asks for the name of the spare and plans again
 * with it allowed. Nothing is written by either.
 * @throws what `plan` throws; where another name, or none, is typed, an error with the code of the refusal; ABORT_ERR where
 *   the question is interrupted.
 */
export async function askedByName<T>(
  context: Context,
  args: Args,
  { path, limits }: Spare,
  plan: (isNamed: boolean) => Promise<T>,
): Promise<T> {
  try {
    return await plan(false);
  } catch (error) {
    const { ask, signal, stderr, progress } = context;
    if (!wantsName(error) || ask === undefined || args.flags.has('json')) throw withYes(error);
    stderr.write(`${errorLine(error)}\n`);
    const question = `to write all the same, type the name of the spare, ${escapeText(basename(path))}: `;
    const asking = () => limits.outside(() => ask(question, signal));
    const typed = await (progress === undefined ? asking() : progress.quiet(asking));
    if (typed === undefined) stderr.write('\n');
    if (typed !== undefined && isNameOf(path, typed)) return plan(true);
    throw new DmremapError(error.code, `${path}: its name was not typed`);
  }
}

/**
 * For a new, empty table. Two disks of one model have the same size, and a new table names no main device but by its size:
 * so remaps that it would end are those of another main as far as anybody can tell.
 * @throws DmremapError ERR_OTHER_MAIN.
 */
export async function refuseTableOfOthers({ device, path }: Spare, plan: Plan<unknown>): Promise<void> {
  const { before, after } = await aroundOf(device, plan);
  refuseOtherMain(path, differencesOf(before, after));
  const most = Math.max(0, ...validCopies(before.copies).map(({ slot }) => slot.header.activeRemaps));
  if (most === 0) return;
  const message = `${path}: it may belong to another main device: there ${most === 1 ? 'is' : 'are'} ${counted(most, 'remap')} in its table, and none in the new one`;
  throw new DmremapError('ERR_OTHER_MAIN', message);
}

/**
 * For a table that is put back over what somebody else has written.
 * @param copies those that somebody else has written; what the others hold is known.
 * @throws DmremapError ERR_OTHER_MAIN.
 */
export async function refusePuttingBackOver(
  { device, path }: Spare,
  plan: Plan<unknown>,
  copies: readonly number[],
): Promise<void> {
  const { before, after } = await aroundOf(device, plan);
  const written = { copies: before.copies.filter(({ copy }) => copies.includes(copy)) };
  refuseOtherMain(path, differencesOf(written, after));
}

/** What is there, and what is there once the plan is carried out. */
async function aroundOf({ info }: Spare['device'], { region, after, now }: Plan<unknown>) {
  const look = (stage: RehearsalDevice) => examineDevice(stage, { geometry: 'driver', now });
  return {
    before: await look(rehearsalOf({ info }, region)),
    after: await look(new RehearsalDevice(after, info)),
  };
}

/** Clauses. Where there will be no table, each that is there is of another main. */
function differencesOf(before: Pick<Findings, 'copies'>, { shown }: Findings): string[] {
  if (shown !== null) return otherMain(before, shown.slot);
  const mains = validCopies(before.copies).map(
    ({ slot }) =>
      `main has ${slot.header.mainDeviceSectors} sectors there, and what is put back has no table`,
  );
  return [...new Set(mains)];
}
