// Room: cli. Data of somebody else on a spare: what the built-in table of marks sees, and blkid beside it; and that nothing of it is
// overwritten before the name of the spare was typed.
import type { UnixSeconds } from '../../base/units.js';
import { geometries } from '../../format/geometry.js';
import { rehearsalOf } from '../../recovery/region.js';
import type { Plan } from '../../recovery/rehearse.js';
import { refuseKnown } from '../../store/commit/admission.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import {
  overlaps,
  type Stranger,
  strangerClauses,
  underStructures,
  unknownText,
} from '../../store/examine/strangers.js';
import { listOf } from '../../store/table/phrases.js';
import type { Context } from '../context.js';
import type { Args } from '../options/args.js';
import { escapeMessage } from '../print/escape.js';
import { planOf, type WriteJob } from './backup.js';
import { allowedOther, askedByName } from './other-main.js';
import { withProbe } from './probe.js';
import type { Spare } from './spare.js';

/** A report of a region that was read, with what the device shows elsewhere, and with what blkid says. */
export async function withDevice(
  context: Context,
  { device, path, limits }: Spare,
  report: Report,
  now: UnixSeconds,
): Promise<Report> {
  if (report.elections.ours !== null) return report;
  const { strangers, lints } = await examineDevice(device, { geometry: 'driver', now, ...limits() });
  return withProbe(context, path, { ...report, strangers, lints });
}

/** The marks that a plan overwrites. Whole blocks are written, so that what lies behind a structure is too: as it was, as a rule. */
export const overwrittenBy = (marks: readonly Stranger[], plan: Writes): Stranger[] =>
  marks.filter((mark) =>
    plan.writes.some((write) => overlaps(mark, rangeOf(write)) && !(isBehind(mark) && isKept(mark, plan))),
  );

type Writes = Pick<Plan<unknown>, 'region' | 'writes' | 'after'>;

const rangeOf = ({ offset, bytes }: Writes['writes'][number]) => ({ offset, length: bytes.length });

/** Whether a mark lies in a slot, and wholly behind the structure there. */
const isBehind = (mark: Stranger): boolean =>
  mark.copies.length > 0 && underStructures([mark], geometries.driver).length === 0;

const isKept = ({ offset, length }: Stranger, { region, after }: Writes): boolean => {
  const [from, to] = [Number(offset), Number(offset) + length];
  return Buffer.compare(region.bytes.subarray(from, to), after.subarray(from, to)) === 0;
};

/** @throws DmremapError ERR_DATA_PRESENT where there are any. */
export function refuseStrangers(path: string, marks: readonly Stranger[]): void {
  refuseKnown(path, strangerClauses(marks));
}

/** The marks that a plan overwrites, of the bytes that it was made from. */
export async function strangersUnder({ info }: Spare['device'], plan: Plan<unknown>): Promise<Stranger[]> {
  const { region, now } = plan;
  const { strangers } = await examineDevice(rehearsalOf({ info }, region), { geometry: 'driver', now });
  return overwrittenBy(strangers.marks, plan);
}

/**
 * Plans; where that overwrites a table of another main device, or what somebody else's data is known by, asks for the name of the
 * spare.
 * @param jobFor the work, for one whose name was given or not: it may refuse by itself what the name lets pass.
 */
export function planByName<T>(
  context: Context,
  args: Args,
  spare: Spare,
  command: string,
  jobFor: (isNamed: boolean) => WriteJob<T>,
): Promise<{ readonly job: WriteJob<T>; readonly plan: Plan<T> }> {
  const isGiven = allowedOther(args, spare.path, command);
  return askedByName(context, args, spare, async (isTyped) => {
    const job = jobFor(isGiven || isTyped);
    const plan = await planOf(context, spare, job);
    if (!isGiven && !isTyped) refuseStrangers(spare.path, await strangersUnder(spare.device, plan));
    return { job, plan };
  });
}

/** What is going to be overwritten by force. */
export function tellStrangers({ stderr }: Context, path: string, { strangers }: Report): void {
  const { marks, told, unknown } = strangers;
  const known = [...strangerClauses(marks), ...told];
  const holds = known.length > 0 ? known : unknown === null ? [] : [unknownText(unknown)];
  if (holds.length === 0) return;
  stderr.write(
    `dmremap: warning: ${escapeMessage(`${path}: it holds ${listOf(holds)}, and that is overwritten`)}\n`,
  );
}

/** What a dry run says of the marks that it would overwrite. */
export const strangerNotes = (marks: readonly Stranger[]): string[] =>
  marks.length === 0
    ? []
    : [
        `OVERWRITES foreign data: the spare holds ${listOf(strangerClauses(marks))}`,
        '  --apply asks for the name of the spare; --yes=NAME gives it',
      ];

/** Marks of somebody else's data, in a document. */
export const toStrangersJson = (marks: readonly Stranger[]) =>
  marks.map(({ name, offset, copies }) => ({ name, offset: `${offset}`, copies }));
