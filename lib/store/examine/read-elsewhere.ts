// Room: store. The places of a device, beside the slots, that show whose data it holds: some at its start, some at its end.
import type { CancelOptions } from '../../base/cancellable.js';
import { OperationError } from '../../base/errors.js';
import type { ByteOffset } from '../../base/units.js';
import { type Device, maxTransferBytes } from '../../device/device.js';
import { fits } from '../../format/geometry.js';
import { type Range, rangesToRead } from '../../format/signatures.js';
import { slotBytes } from '../../format/structure.js';
import type { Elsewhere } from './strangers.js';

/** Reads them. A range that cannot be read is told as such: it is no evidence that nothing is there. */
export async function readElsewhere(
  device: Device,
  slots: Iterable<ByteOffset>,
  { signal }: CancelOptions,
): Promise<Elsewhere> {
  const { sizeBytes, logicalBlockSize } = device.info;
  const tried = Array.from(slots, (offset) => ({ offset, length: slotBytes })).filter(({ offset }) =>
    fits(offset, sizeBytes),
  );
  const ranges = rangesToRead(sizeBytes, logicalBlockSize, tried).flatMap(inTransfers);
  const read: { offset: bigint; bytes: Uint8Array }[] = [];
  const unread: (Range & { errno: string })[] = [];
  await Promise.all(
    ranges.map(async (range) => {
      try {
        read.push({ offset: range.offset, bytes: await device.read(range.offset, range.length, { signal }) });
      } catch (error) {
        unread.push({ ...range, errno: errnoOfRead(error) });
      }
    }),
  );
  return { read, unread };
}

function inTransfers({ offset, length }: Range): Range[] {
  return Array.from({ length: Math.ceil(length / maxTransferBytes) }, (_, index) => {
    const from = index * maxTransferBytes;
    return { offset: offset + BigInt(from), length: Math.min(maxTransferBytes, length - from) };
  });
}

/** Name of the errno where the device could not give the bytes. @throws whatever else ended the read. */
export function errnoOfRead(error: unknown): string {
  if (!(error instanceof OperationError)) throw error;
  switch (error.code) {
    case 'ERR_IO':
    case 'ERR_SHORT_TRANSFER':
      // A short read has no errno of its own: the file shrank under us.
      return error.errno ?? 'ENODATA';
    default:
      throw error;
  }
}
