// Room: recovery. A plan is what a command did to a copy in memory, by the code that then does it to the spare: nothing
// that was told can differ from what is done. Its identity covers the bytes that it was made from and every byte that it
// writes, in order.
import { isAbortCode } from '../base/cancellable.js';
import { sha256 } from '../base/crypto.js';
import { DmremapError, OperationError } from '../base/errors.js';
import { type UnixSeconds, unixSeconds } from '../base/units.js';
import type { Device, WriteStep } from '../device/device.js';
import { futureToleranceSeconds } from '../format/structure.js';
import { type Region, rehearsalOf } from './region.js';

/** What a command does, at one moment: given the same bytes and the same clock it writes the same. */
export type Operation<T> = (device: Device, now: () => UnixSeconds) => Promise<T>;

export interface Plan<T> {
  /** `1760000000-` and 32 hexadecimal digits: the clock that it was made at, and a hash. */
  readonly id: string;
  readonly now: UnixSeconds;
  readonly region: Region;
  /** In this order, each durable before the next group of them. */
  readonly writes: readonly WriteStep[];
  /** The region as it is when all of it is written. */
  readonly after: Uint8Array;
  readonly result: T;
}

/** Tries an operation out. Rejects as the operation does, and with `untouched`: nothing is written anywhere. */
export async function rehearse<T>(
  device: Device,
  region: Region,
  now: UnixSeconds,
  operate: Operation<T>,
): Promise<Plan<T>> {
  const stage = rehearsalOf(device, region);
  const result = await inMemory(operate(stage, () => now));
  const { writes, bytes: after } = stage;
  return { id: identityOf(region, writes, now), now, region, writes, after, result };
}

/** For work on a device in memory. Where that ends half-way, what it says of its copies must not be taken for the disk. */
export async function inMemory<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof OperationError) || error.outcome === 'untouched') throw error;
    const { code, errno } = error;
    const isAbort = isAbortCode(code);
    throw new OperationError(code, isAbort ? undefined : 'it failed when it was tried out in memory', {
      cause: isAbort ? error.cause : error,
      errno,
      outcome: 'untouched',
      drained: Promise.resolve('untouched'),
    });
  }
}

function identityOf(
  { bytes, missing, behind }: Region,
  writes: readonly WriteStep[],
  now: UnixSeconds,
): string {
  const hash = sha256().update(`dmremap.plan/1 ${bytes.length} ${missing.map(({ copy }) => copy)}\n`);
  hash.update(bytes);
  for (const piece of behind)
    hash.update(`\n${piece.offset} was ${piece.bytes.length}\n`).update(piece.bytes);
  for (const write of writes) hash.update(`\n${write.offset} ${write.bytes.length}\n`).update(write.bytes);
  return `${now}-${hash.digest('hex').slice(0, 32)}`;
}

/** How long a plan that was shown can be carried out: long enough to ask somebody, and a clock that was set is noticed. */
const planValidSeconds = futureToleranceSeconds;

/**
 * The clock that a plan was made at. A plan holds the time that it writes, so it is made again with the same one.
 * @throws DmremapError ERR_PLAN_CHANGED where it was made more than a day ago, or is still to come.
 */
export function clockOfPlan(id: string, now: UnixSeconds): UnixSeconds {
  const made = unixSeconds(BigInt(/^(\d{1,20})-[0-9a-f]{32}$/.exec(id)?.[1] ?? 0));
  if (made <= now && now <= made + planValidSeconds) return made;
  throw new DmremapError(
    'ERR_PLAN_CHANGED',
    `the plan ${id} was made at another time than today: look at the plan again`,
  );
}

export const isPlanId = (text: string): boolean => /^\d{1,20}-[0-9a-f]{32}$/.test(text);
