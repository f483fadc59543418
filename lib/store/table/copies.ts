// Room: store, pure part. The five copies of one geometry, decoded, each with its number and place. What elects,
// lints and plans works on these and does no I/O.
import type { ByteOffset } from '../../base/units.js';
import { type DecodedSlot, decodeSlot, type ValidCopy } from '../../format/codec.js';
import type { SlotRead } from '../../format/damage.js';
import { fits, type Geometry } from '../../format/geometry.js';

/** A slot with what it holds. */
export interface SlotCopy {
  /** Which of the five, 0 to 4. */
  readonly copy: number;
  readonly offset: ByteOffset;
  readonly slot: DecodedSlot;
}

/** A slot that holds a valid copy. */
export interface ValidSlot extends SlotCopy {
  readonly slot: ValidCopy;
}

/** Whether a slot holds a valid copy. */
export const isValid = (copy: SlotCopy): copy is ValidSlot => copy.slot.state === 'valid';

/** The valid copies, lowest number first where `copies` is in that order. */
export const validCopies = (copies: readonly SlotCopy[]): ValidSlot[] => copies.filter(isValid);

/** The numbers of some copies. */
export const numbersOf = (copies: readonly SlotCopy[]): number[] => copies.map(({ copy }) => copy);

/**
 * Decodes the five slots of a geometry, lowest number first.
 * @param reads by copy number; what is missing counts as absent, and so does what does not fit `sizeBytes`.
 */
export function readCopies(geometry: Geometry, reads: readonly SlotRead[], sizeBytes: bigint): SlotCopy[] {
  return geometry.slots.map((offset, copy) => {
    const read = fits(offset, sizeBytes) ? reads[copy] : undefined;
    return { copy, offset, slot: decodeSlot(read ?? { kind: 'absent' }) };
  });
}
