// Room: store. Slots with an unknown content, and how a commit gets them back into its plan.
import { abortable, maxTimeoutMs } from '../../base/cancellable.js';
import { DmremapError } from '../../base/errors.js';
import type { UnixSeconds } from '../../base/units.js';
import type { Device } from '../../device/device.js';
import { decodeSlot } from '../../format/codec.js';
import { slotBytes } from '../../format/structure.js';
import { readSlot } from '../examine/inspect.js';
import { writableRoles } from './commit-plan.js';
import type { SlotLedger } from './slot-ledger.js';

/**
 * Reads slots back once their writes have drained. An undrained one is left out while two known copies remain; else
 * `unsettled` says what to do.
 * @throws DmremapError ERR_RANGE_UNSETTLED; OperationError where a flush or a read is aborted, or the flush fails.
 */
export async function settleSlots(
  device: Device,
  ledger: SlotLedger,
  now: () => UnixSeconds,
  unsettled: 'reject' | 'wait' | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const open = (copy: number) => device.isUnsettled(ledger.offsetOf(copy), slotBytes);
    ledger.drained(ledger.copiesOf('unsettled').filter((copy) => !open(copy)));
    const unread = ledger.copiesOf('unread');
    // A failed write can stand in the drive's cache alone: what is read back must outlive a power cut.
    if (unread.length > 0) await device.flush({ signal });
    const reads = await Promise.all(
      unread.map(
        async (copy) =>
          [copy, decodeSlot(await readSlot(device, ledger.offsetOf(copy), { signal }))] as const,
      ),
    );
    if (reads.length > 0) ledger.takeIn(new Map(reads), now());
    if (ledger.copiesOf('unread').length > 0) continue; // Drained meanwhile.
    const stuck = ledger.copiesOf('unsettled');
    const known = ledger.copiesOf(...writableRoles).length;
    if (stuck.length === 0 || known >= 2) return;
    if (unsettled !== 'wait') {
      const message = `aborted writes to copies ${stuck.join(' ')} may still land, and only ${known} other can be used`;
      throw new DmremapError('ERR_RANGE_UNSETTLED', message);
    }
    // Whoever waits keeps the process alive; a stuck write that nobody waits for does not.
    const hold = setInterval(() => {}, maxTimeoutMs);
    try {
      await abortable(ledger.whenDrained(), signal);
    } finally {
      clearInterval(hold);
    }
  }
}
