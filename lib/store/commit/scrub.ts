// Room: store. Reads the copies and holds each against what the ledger believes is there. Never writes; what it finds is
// known to the ledger from then on, so that the next commit mends it in the order of format.md rule 8.
import type { UnixSeconds } from '../../base/units.js';
import type { Device } from '../../device/device.js';
import { decodeSlot } from '../../format/codec.js';
import { readSlot } from '../examine/inspect.js';
import { type ScrubReport, scrubReport } from './scrub-report.js';
import type { SlotLedger } from './slot-ledger.js';

/**
 * Reads every slot on which nothing is in flight, and takes in what they hold. An abort leaves the ledger as it was: what was
 * read till then is no picture of one moment.
 */
export async function scrubCopies(
  device: Device,
  ledger: SlotLedger,
  now: () => UnixSeconds,
  signal: AbortSignal,
): Promise<ScrubReport> {
  // A slot that is unread is the next commit's to read back: what stands in the drive's cache alone must be flushed first.
  const resting = ledger.plan.filter(({ role }) => !['absent', 'unsettled', 'unread'].includes(role));
  const reads = await Promise.all(
    resting.map(
      async ({ copy }) =>
        [copy, decodeSlot(await readSlot(device, ledger.offsetOf(copy), { signal }))] as const,
    ),
  );
  const found = new Map(reads);
  ledger.takeIn(found, now());
  return scrubReport(ledger, found, device.info.path);
}
