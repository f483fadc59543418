// Room: format. What the kernel module itself accepts (format.md section 4), from the raw bytes and by nothing else.
// Not the same as our damage: the module knows no foreign layout, and its clock plays a part.
import type { UnixSeconds } from '../base/units.js';
import { structureChecksum } from './checksum.js';
import type { DecodedSlot } from './codec.js';
import {
  formatVersion,
  futureToleranceSeconds,
  maxEntries,
  maxHealthScore,
  metadataMagic,
  readHeader,
} from './structure.js';

/** Why the module does not accept a slot: the first rule that fails, or that there is nothing to judge. */
export type DriverRule =
  | 'magic'
  | 'version'
  | 'checksum'
  | 'count'
  | 'health'
  | 'future'
  | 'absent'
  | 'unreadable';

/** Whether a timestamp is so far ahead of `now` that the module rejects the copy. */
export const isFromFuture = (timestamp: UnixSeconds, now: UnixSeconds): boolean =>
  timestamp > now + futureToleranceSeconds;

/** The module's judgement of a slot's bytes at the clock `now`: null where it accepts. */
export function driverVerdictOfBytes(slot: Uint8Array, now: UnixSeconds): DriverRule | null {
  const header = readHeader(slot);
  if (header.magic !== metadataMagic) return 'magic';
  if (header.version !== formatVersion) return 'version';
  if (header.checksum !== structureChecksum(slot)) return 'checksum';
  if (header.activeRemaps > maxEntries) return 'count';
  if (header.healthScore > maxHealthScore) return 'health';
  if (isFromFuture(header.timestampSeconds, now)) return 'future';
  return null;
}

/**
 * The module's judgement of a decoded slot at the clock `now`: null where it accepts. Decoding looks at the same things in
 * the same order, so what it found is not looked for again.
 */
export function driverVerdict(slot: DecodedSlot, now: UnixSeconds): DriverRule | null {
  if (slot.state === 'absent') return 'absent';
  if (slot.state === 'valid') return isFromFuture(slot.header.timestampSeconds, now) ? 'future' : null;
  const { fault } = slot.damage;
  if (fault === 'blank') return 'magic';
  // The module knows no foreign layout: it may even accept one.
  return fault === 'foreign' ? driverVerdictOfBytes(slot.bytes as Uint8Array, now) : fault;
}
