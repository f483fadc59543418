// Room: store, pure part. What the kernel module would do to this spare now, always judged at the driver's places:
// it looks nowhere else. Where it accepts nothing it OVERWRITES all five slots with an empty table (format.md section 4), on the disk
// up to half a minute after the target was created.
import type { UnixSeconds } from '../../base/units.js';
import { driverVerdict } from '../../format/driver.js';
import { formatVersion, readHeader, slotBytes, structureBytes } from '../../format/structure.js';
import type { SlotCopy, ValidSlot } from '../table/copies.js';
import { clausesFor, damageText, driverRuleText, sentence } from '../table/phrases.js';
import { type DriverWinner, electDriver, electionsAgree, electOurs } from './election.js';

/**
 * `keeps`: it restores the table that we elect; `stale`: it would take another table. Where it elects nobody: `none`,
 * no copy fits; `foreign`, it would overwrite a layout that is not ours; `wipes`, it would overwrite something of
 * ours; `empty`, nothing is there and it would create.
 */
export type ActivationVerdict = 'keeps' | 'stale' | 'foreign' | 'wipes' | 'empty' | 'none';

export interface Activation {
  readonly verdict: ActivationVerdict;
  /** Sentences for people. Empty for `keeps`. */
  readonly reasons: readonly string[];
}

/**
 * The module's next activation of this spare at the clock `now`.
 * @param copies those of the driver geometry, lowest number first.
 */
export function activationOf(copies: readonly SlotCopy[], now: UnixSeconds): Activation {
  const driver = electDriver(copies, now);
  const ours = electOurs(copies);
  if (driver !== null) {
    if (electionsAgree(driver, ours)) return { verdict: 'keeps', reasons: [] };
    return { verdict: 'stale', reasons: staleReasons(copies, driver, ours, now) };
  }
  if (copies.every(({ slot }) => slot.state === 'absent')) {
    return { verdict: 'none', reasons: [`The device has no room for one copy of ${slotBytes} bytes.`] };
  }
  const foreign = copies.filter(isForeign);
  if (foreign.length > 0) return { verdict: 'foreign', reasons: lossReasons(foreign, now) };
  const known = copies.filter(holdsOurs);
  if (known.length > 0) return { verdict: 'wipes', reasons: lossReasons(known, now) };
  return { verdict: 'empty', reasons: ['There is no metadata: the module would create an empty table.'] };
}

function staleReasons(
  copies: readonly SlotCopy[],
  driver: DriverWinner,
  ours: ValidSlot | null,
  now: UnixSeconds,
): string[] {
  const reasons = [`the module would take copy ${driver.copy} (sequence ${driver.sequenceNumber})`];
  const taken = copies[driver.copy]?.slot;
  if (taken?.state === 'damaged') reasons.push(`copy ${driver.copy} ${damageText(taken.damage)}`);
  if (ours !== null) {
    const { sequenceNumber } = ours.slot.header;
    reasons.push(`its table is not that of copy ${ours.copy} (sequence ${sequenceNumber}), which we elect`);
    if (driverVerdict(ours.slot, now) !== null) reasons.push(`copy ${ours.copy} ${rejectionText(ours, now)}`);
  }
  return reasons.map(sentence);
}

function lossReasons(lost: readonly SlotCopy[], now: UnixSeconds): string[] {
  return [
    ...clausesFor(lost.map((copy) => ({ copy: copy.copy, text: wordsFor(copy, now) }))).map(sentence),
    'The module accepts no copy, so it would overwrite every slot with an empty table.',
    'If the target was created less than half a minute ago, cut the power now, without `dmsetup remove` or a shutdown: the empty table may not be on the disk yet.',
  ];
}

/** What keeps a copy from being taken: its damage, or else the module's own rule. */
function wordsFor(copy: SlotCopy, now: UnixSeconds): string {
  return copy.slot.state === 'damaged' ? damageText(copy.slot.damage) : rejectionText(copy, now);
}

function rejectionText({ slot }: SlotCopy, now: UnixSeconds): string {
  const rejects = driverVerdict(slot, now);
  if (rejects !== null) return driverRuleText[rejects];
  return 'has sequence 0 and timestamp 0, and such a copy never wins with the module';
}

/** Whether a slot holds a known layout that is not ours. */
export const isForeign = ({ slot }: SlotCopy): boolean =>
  slot.state === 'damaged' && slot.damage.fault === 'foreign';

/** Whether a slot holds, or where it is unreadable may hold, something that this format has written. */
function holdsOurs(copy: SlotCopy): boolean {
  return looksLikeOurs(copy) || (copy.slot.state === 'damaged' && copy.slot.damage.fault === 'unreadable');
}

/** Whether the bytes of a slot show that this format has written them, damaged or not. */
export function looksLikeOurs({ slot }: SlotCopy): boolean {
  if (slot.state !== 'damaged') return slot.state === 'valid';
  switch (slot.damage.fault) {
    case 'version':
    case 'checksum':
    case 'count':
    case 'health':
      return true;
    case 'magic': {
      //  Only the first four bytes were hit: version and size still stand at their places.
      const header = slot.bytes === null ? null : readHeader(slot.bytes);
      return header?.version === formatVersion && header.structureSize === structureBytes;
    }
    case 'unreadable':
    case 'blank':
    case 'foreign':
      return false;
  }
}
