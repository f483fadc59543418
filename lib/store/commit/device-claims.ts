// Room: store. What has to outlive one store: who writes through a device, and the highest sequence given out on it. Two
// writable stores on one device would each give out the same sequence; one that is opened again after an abort must not
// give out the aborted one's, which may still land.
import { DmremapError } from '../../base/errors.js';
import { type SharedClaim, shared } from '../../base/shared.js';
import type { Device } from '../../device/device.js';
import { givenDevice } from '../../device/guarded-device.js';
import { MemoryDevice } from '../../device/memory-device.js';
import type { Geometry } from '../../format/geometry.js';
import { slotBytes } from '../../format/structure.js';

function claimOf(device: Device): SharedClaim {
  const { claims } = shared();
  const given = givenDevice(device);
  let claim = claims.get(given);
  if (claim === undefined) {
    claim = { held: false, lastSequence: 0n };
    claims.set(given, claim);
  }
  return claim;
}

/**
 * Makes the caller the only writer of metadata on this device; the returned function ends that.
 * @throws DmremapError ERR_DEVICE_BUSY, ERR_STORE_READ_ONLY, ERR_RANGE_UNSETTLED where an aborted write to a slot may
 *   still land: what is read before that is no evidence.
 */
export function claimDevice(device: Device, geometry: Geometry): () => void {
  if (!device.info.writable) throw new DmremapError('ERR_STORE_READ_ONLY');
  const claim = claimOf(device);
  const { claimed } = shared();
  const identity = identityOf(device);
  if (claim.held || (identity !== undefined && claimed.has(identity))) {
    throw new DmremapError(
      'ERR_DEVICE_BUSY',
      `${device.info.path}: another store of this process writes to it`,
    );
  }
  for (const slot of geometry.slots) {
    if (!device.isUnsettled(slot, slotBytes)) continue;
    const message = `${device.info.path}: an aborted write at ${slot} may still land: open it again when it has`;
    throw new DmremapError('ERR_RANGE_UNSETTLED', message);
  }
  claim.held = true;
  if (identity !== undefined) claimed.add(identity);
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    claim.held = false;
    if (identity !== undefined) claimed.delete(identity);
  };
}

/** Undefined for what is in memory, which nothing but its object is known by: also what stands in for a device there. */
function identityOf(device: Device): string | undefined {
  const { kind, identity } = device.info;
  if (identity === null || identity === undefined || device instanceof MemoryDevice) return undefined;
  const { deviceNumber, inode, diskSequence } = identity;
  return `${kind} ${deviceNumber} ${inode} ${diskSequence}`;
}

/** The highest sequence that any store has given out on this device. */
export const lastSequenceOf = (device: Device): bigint => claimOf(device).lastSequence;

export function giveOutSequence(device: Device, sequence: bigint): void {
  const claim = claimOf(device);
  if (sequence > claim.lastSequence) claim.lastSequence = sequence;
}

/**
 * After a handover, which starts again at sequence 1: what was given out before has landed or is gone, as nothing is in flight
 * on a device that can be claimed.
 */
export function startSequenceAgain(device: Device): void {
  claimOf(device).lastSequence = 0n;
}

/** Ends a claim where the work that it was made for fails. */
export async function releasing<T>(unclaim: (() => void) | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    unclaim?.();
    throw error;
  }
}
