// Room: store. One commit, from the ledger's roles to a report or a CommitError. Pure of time and of tables: it is
// given the new metadata and writes it, in the order and the phases of format.md rule 8: of a slot that is known byte
// for byte the blocks that change, of any other all.
import type { Device } from '../../device/device.js';
import { encodeCopy, type Metadata } from '../../format/metadata.js';
import { slotBytes, structureBytes } from '../../format/structure.js';
import { type Piece, piecesOf, type Update, updateBetween } from '../../format/update.js';
import { overwriteOrder, type PlannedWrite, type PlanSlot } from './commit-plan.js';
import { CommitError, type CommitReport, type CopyOutcome, findsOf, withEarlier } from './commit-report.js';
import { holesFilled } from './holes.js';
import type { SlotLedger } from './slot-ledger.js';
import { writeCopies } from './write-copies.js';

/** What an update writes at least: smaller writes cost a disk with physical blocks of 4,096 bytes a read each. */
const updateBlockBytes = 4096;

export interface CommitJob {
  readonly device: Device;
  readonly ledger: SlotLedger;
  readonly metadata: Metadata;
  /** What a copy says that its number is. */
  readonly indexOf: (copy: number) => number;
  /** Zeroes the rest of each slot too, instead of keeping what lies there. */
  readonly fresh: boolean;
  /** Default: the order of overwriting of a commit. */
  readonly order?: readonly PlannedWrite[];
  /**
   * Repair and handover write the table that is there: whatever happens, a reader finds it (`old`), or where another one
   * outranks it for now that one (`other`). `true` stands for `old`.
   */
  readonly sameTable?: boolean | 'old' | 'other' | undefined;
  /** The first write error ends it: what is left may only be overwritten when all before it is durable. */
  readonly stopAtError?: boolean;
  /** What was done before this, where the two are one work: of the copies that this one leaves alone it is still true. */
  readonly earlier?: readonly CopyOutcome[] | undefined;
  /** How many copies must be durable in the end. Default: two, or all that there are. */
  readonly required?: number;
  readonly signal: AbortSignal;
}

/** Writes the metadata. Starts on the same turn, but for the first time on a file. */
export async function runCommit(job: CommitJob): Promise<CommitReport> {
  const { device, ledger, metadata, signal } = job;
  const filling = holesFilled(device, signal);
  if (filling !== undefined) await filling;
  const sameTable = Boolean(job.sameTable);
  const order = job.order ?? overwriteOrder(ledger.plan);
  const pieces = piecesFor(job);
  const before = foundBefore(ledger);
  // As they are now: the roles change with what is written.
  const slots = ledger.plan.map(({ copy, role }) => ({ copy, role }));
  const own = (outcomes: readonly CopyOutcome[]) => withLeftOut(slots, outcomes, sameTable);
  const complete = (outcomes: readonly CopyOutcome[]) => withEarlier(own(outcomes), job.earlier);
  const found = (copies: readonly CopyOutcome[]) =>
    sameTable ? (job.sameTable === 'other' ? 'other' : 'old') : findsOf(copies, before);

  const result = await writeCopies({
    device,
    order,
    offsetOf: ledger.offsetOf,
    piecesOf: pieces,
    stopAtError: job.stopAtError ?? false,
    signal,
  });
  const copies = complete(result.copies);
  const finds = found(copies);
  const sequence = metadata.header.sequenceNumber;
  const { stopped, failed } = result;
  const drained = () =>
    result.drained.then((final) => {
      const known = complete(final);
      return { copies: known, finds: found(known) };
    });

  const isOpen = (copy: number) => device.isUnsettled(ledger.offsetOf(copy), slotBytes);
  const inFlight = ledger.record(own(result.copies), { piecesOf: pieces, content: metadata }, isOpen);
  if (inFlight.length > 0) {
    // Should a device not have copied what may still land, it must not write the bytes of another commit.
    ledger.scratch.giveUp();
    // Only what this commit has left in flight: another copy may wait for another commit's write.
    const drainedNow = () => ledger.drained(inFlight.filter((copy) => !isOpen(copy)));
    for (const error of result.errors) error.whenDrained(drainedNow);
  }
  if (stopped !== undefined) {
    throw new CommitError(stopped.code, `${stopped.message}; ${sentence(copies, finds, sameTable)}`, {
      cause: stopped.cause,
      errno: stopped.errno,
      sequence,
      copies,
      finds,
      sameTable,
      drained: drained(),
      hold: () => void stopped.drained,
    });
  }

  const durable = result.copies.filter(({ outcome }) => outcome === 'written').length;
  // What is read back after a repair would be no evidence while a write may still land.
  const isOpenRepair = sameTable && inFlight.length > 0;
  if (isOpenRepair || durable < (job.required ?? Math.min(2, order.length))) {
    const why = failed?.message ?? 'too few copies could be written';
    throw new CommitError('ERR_COMMIT_PARTIAL', `${why}; ${sentence(copies, finds, sameTable)}`, {
      cause: failed,
      errno: failed?.errno,
      sequence,
      copies,
      finds,
      sameTable,
      drained: drained(),
      hold: () => void failed?.drained,
    });
  }
  const fine = ({ outcome, reason }: CopyOutcome) =>
    outcome === 'written' || reason === 'absent' || reason === 'good';
  const degraded = copies.filter((copy) => !fine(copy)).map(({ copy }) => copy);
  return { sequence, copies, finds, degraded };
}

/**
 * What is written to each slot: the blocks that change where every byte of it is known, the structure otherwise, and the
 * whole slot where it is new.
 */
function piecesFor({ device, ledger, metadata, indexOf, fresh }: CommitJob): (copy: number) => Piece[] {
  const blockBytes = Math.max(updateBlockBytes, device.info.logicalBlockSize);
  // What could not be read may be bad anywhere: only a write of all of it heals it.
  const unreadable = ledger.copiesOf('unreadable', 'faded');
  const structureBlocksBytes = Math.ceil(structureBytes / blockBytes) * blockBytes;
  const updates = new Map<Metadata, Update>();
  ledger.scratch.reset();
  const room = (length: number) => ledger.scratch.take(length);
  const make = (copy: number): Piece[] => {
    const content = ledger.contentOf(copy);
    const held = ledger.bytesOf(copy);
    if (content === null || held === undefined || fresh) {
      const image = encodeCopy(metadata, indexOf(copy), fresh ? undefined : held);
      const whole = fresh || unreadable.includes(copy);
      return [{ offset: 0, bytes: image.subarray(0, whole ? slotBytes : structureBlocksBytes) }];
    }
    const update = updates.get(content) ?? updateBetween(content, metadata);
    updates.set(content, update);
    return piecesOf(update, held, indexOf(copy), blockBytes, room);
  };
  const made = new Map<number, Piece[]>();
  return (copy) => {
    const pieces = made.get(copy) ?? make(copy);
    made.set(copy, pieces);
    return pieces;
  };
}

/** What a reader finds while nothing of a commit is durable. */
export function foundBefore(ledger: SlotLedger): 'old' | 'either' | 'other' {
  if (ledger.isContested) return 'other';
  return ledger.copiesOf('unsettled', 'unread').length === 0 ? 'old' : 'either';
}

/** Five rows: with the copies that the commit left alone, and why. */
function withLeftOut(
  slots: readonly Pick<PlanSlot, 'copy' | 'role'>[],
  outcomes: readonly CopyOutcome[],
  sameTable: boolean,
): readonly CopyOutcome[] {
  return slots.map(({ copy, role }) => {
    const known = outcomes.find((outcome) => outcome.copy === copy);
    const reason = sameTable && role === 'named' ? 'good' : role;
    return known ?? { copy, outcome: 'untouched', disarmed: false, reason };
  });
}

function sentence(copies: readonly CopyOutcome[], finds: CommitReport['finds'], sameTable = false): string {
  const wordOf = ({ outcome, disarmed }: CopyOutcome) =>
    outcome === 'untouched' && disarmed ? 'disarmed' : outcome;
  const list = (word: string) =>
    copies.filter((copy) => wordOf(copy) === word && copy.reason !== 'absent').map(({ copy }) => copy);
  const parts = ['written', 'unknown', 'disarmed', 'untouched']
    .map((outcome) => ({ outcome, numbers: list(outcome) }))
    .filter(({ numbers }) => numbers.length > 0)
    .map(({ outcome, numbers }) => `${outcome}: ${numbers.join(' ')}`);
  const found = {
    old: sameTable ? 'the elected table' : 'the old table',
    new: 'the new table',
    either: 'the old or the new table',
    other: 'the new table, the named one, or what won before',
  }[finds];
  return `copies ${parts.join(', ')}; a reader finds ${found}`;
}
