// Which error a call may end with, and when: each needs a reason in what has happened. An error without one is a fault.
import type { DmremapError, ErrorCode } from '../../../lib/base/errors.js';
import type { SectorRange } from '../../../lib/target/effects.js';
import { firstPlace, type Laid, type Side, touches } from './disks.js';
import { Violation } from './expected.js';
import type { Operation, World } from './world.js';

const ofMedium = ({ fault }: Laid): boolean =>
  (fault.fault === 'error' && fault.errno === 'EIO') || fault.fault === 'torn' || fault.fault === 'short';
const hasErrno =
  (errno: string) =>
  ({ fault }: Laid) =>
    fault.fault === 'error' && fault.errno === errno;
const isData = ({ side, first }: Laid): boolean => side === 'main' || first >= firstPlace;

export const covers = ({ first, count }: Operation, block: number): boolean =>
  block >= first && block < first + count;

/** Whether the operation can have come to remapping something. */
export const canPlace = (world: World, { kind }: Operation): boolean =>
  kind === 'remap' ||
  (kind === 'write' && world.config.onWriteError === 'remap') ||
  (kind === 'read' && world.config.onReadError === 'remap-zero');

/**
 * Whether it can have come to giving another place to a block that has one: a write whatever the policy, as an entry that is
 * not durable follows the data (docs/lifecycle.md).
 */
export const canMove = (world: World, operation: Operation): boolean =>
  operation.kind === 'write' || (operation.kind === 'read' && canPlace(world, operation));

const isOpening = ({ kind }: Operation): boolean => kind === 'open' || kind === 'resume';

/** Whether a copy can have been unreadable, whatever the errno: nothing is written after that. */
const slotsUnread = ({ disks }: World, { order }: Operation): boolean =>
  disks.offSince !== undefined ||
  disks.had(order, (laid) => laid.on === 'read' && laid.side === 'spare' && !isData(laid));

type Reason = (world: World, operation: Operation) => boolean;

const reasons: Readonly<Partial<Record<ErrorCode, Reason>>> = {
  ABORT_ERR: ({ inactiveAt }, { aborted, kind, order }) =>
    aborted || (kind === 'resume' && inactiveAt > order),
  ERR_TARGET_SUSPENDED: ({ inactiveAt, target, activeSince }, { order }) =>
    inactiveAt > order || target?.state !== 'active' || activeSince > order,
  ERR_TARGET_DESTROYED: ({ destroyedAt }) => destroyedAt > 0,
  ERR_IO: (world, operation) =>
    world.disks.had(operation.order, (laid) => ofMedium(laid) && isOf(laid, operation.kind)) ||
    (isOpening(operation) && slotsUnread(world, operation)) ||
    (operation.kind === 'write' &&
      world.config.onReadError === 'remap-on-write' &&
      world.config.onWriteError === 'report' &&
      blocksOf(world, operation).some((block) => mayFail(world, 0, block, 'read'))),
  ERR_NO_METADATA: (world, operation) => isOpening(operation) && slotsUnread(world, operation),
  ERR_SHORT_TRANSFER: (world, { order }) => world.disks.had(order, ({ fault }) => fault.fault === 'short'),
  ERR_NO_SPACE: (world, { order }) => world.disks.had(order, hasErrno('ENOSPC')),
  ERR_DEVICE_VANISHED: ({ disks }, { order }) =>
    disks.offSince !== undefined || disks.had(order, hasErrno('ENODEV')),
  ERR_RANGE_UNSETTLED: (world, { kind, order, first, count, unsettledBefore }) =>
    kind !== 'read' &&
    kind !== 'flush' &&
    (unsettledBefore || world.abortedAt > order || (count > 0 && world.isUnsettledOn(first, count))),
  ERR_TABLE_FULL: (world, operation) =>
    canPlace(world, operation) && blocksIn(world) + comingBlocks(world) > world.shape.room,
  ERR_SPARE_EXHAUSTED: (world, operation) => {
    const { spare } = world.disks;
    const lost = spare.failedData + world.places.left + (world.target?.status().inFlight ?? 0);
    const { places, placesOfBlock } = world.shape;
    const placing = canPlace(world, operation) || (canMove(world, operation) && world.places.has(operation));
    return placing && (blocksIn(world) + comingBlocks(world) + lost) * placesOfBlock > places;
  },
  // Every commit needs the slots, and reads back what became of them before.
  ERR_TARGET_DEGRADED: ({ disks, activeSince, abortedAt }) =>
    disks.offSince !== undefined ||
    abortedAt > activeSince ||
    disks.had(activeSince, (laid) => laid.side === 'spare' && (!isData(laid) || laid.on === 'flush')),
  ERR_ORIGINAL_MAPPED: ({ placesOf }, { kind, first }) => kind === 'remap' && placesOf.has(first),
};

/** @throws Violation where the error has no reason. */
export function judgeError(world: World, operation: Operation, error: DmremapError): void {
  if (reasons[error.code]?.(world, operation)) return;
  const { kind, order } = operation;
  throw new Violation(`${kind} ${order} fails without a reason: ${error.code}: ${error.message}`, {
    cause: error,
  });
}

/** Blocks that the operations under way may need places for; `operation` itself is one of them. */
function comingBlocks({ running, shape }: World): number {
  return [...running].reduce((sum, { count }) => sum + count / shape.blockSectors, 0);
}

/** Blocks of the history that are in the table. */
export const blocksIn = ({ target, shape }: World): number =>
  ((target?.entries().length ?? 0) - shape.fillers) / shape.blockSectors;

const blocksOf = ({ shape: { blockSectors } }: World, { first, count }: Operation): number[] =>
  Array.from({ length: count / blockSectors }, (_, at) => first + at * blockSectors);

function isOf({ on, side, first }: Laid, kind: Operation['kind']): boolean {
  switch (kind) {
    case 'flush':
      return on === 'flush';
    case 'read':
    case 'write':
    case 'remap':
      return on !== 'flush';
    case 'open':
    case 'resume':
      return side === 'spare' && (on === 'flush' || (on === 'read' && first < firstPlace));
    default:
      return false;
  }
}

/** Whether a block can have failed since then, for a reason on main or at one of its places. */
export function mayFail(world: World, since: number, block: number, on: 'read' | 'write'): boolean {
  const { disks, shape, placesOf } = world;
  const at = (side: Side, first: number) =>
    disks.had(
      since,
      (laid) =>
        laid.side === side && laid.on === on && ofMedium(laid) && touches(laid, first, shape.blockSectors),
    );
  return at('main', block) || [...(placesOf.get(block) ?? [])].some((place) => at('spare', place));
}

/** @throws Violation where sectors are named that are in order. Returns the first sectors of the blocks. */
export function judgeSectors(
  world: World,
  { kind, order, first, count }: Operation,
  named: readonly SectorRange[],
  may: (block: number) => boolean,
): number[] {
  const { blockSectors } = world.shape;
  const blocks: number[] = [];
  for (const range of named) {
    const [from, until] = [Number(range.sector), Number(range.sector + range.count)];
    for (let block = from; block < until; block += blockSectors) blocks.push(block);
    if (from % blockSectors !== 0 || until % blockSectors !== 0 || from < first || until > first + count) {
      throw new Violation(`${kind} ${order} names sectors ${from} to ${until}, which are not its own`);
    }
  }
  const wrong = blocks.find((block) => !may(block));
  if (wrong !== undefined) throw new Violation(`${kind} ${order} names sector ${wrong}, which is in order`);
  return blocks;
}
