// Room: store, pure part. Which copies a store knows: those that it found when it was opened, and those that it has written
// since. A copy with a good checksum that is neither was written by somebody else. That its sequence or its date is higher
// looks like the right test and is none: another writer that went on from the same table gives out the same sequences, and
// the kernel module begins at 2 again.

import { sealedHeader } from '../examine/election.js';
import type { SlotCopy } from '../table/copies.js';

/** What tells copies apart, up to a collision of CRC-32. */
interface Seal {
  readonly sequenceNumber: bigint;
  readonly checksum: number;
}

/** Sequences, at least: what a drive has lost may come to light that many commits later. */
const remembered = 3000;

/** The checksums of the copies that have a sequence. Not one key of both: a new bigint for each copy costs more than the rest. */
type Checksums = Map<bigint, number[]>;

export class KnownCopies {
  readonly #found: Checksums = new Map();
  /** Forgotten all at once: a map from which the oldest is taken one by one is slow to say which that is. */
  #older: Checksums = new Map();
  #written: Checksums = new Map();

  constructor(copies: readonly SlotCopy[]) {
    for (const { slot } of copies) {
      const header = sealedHeader(slot);
      if (header !== null) remember(this.#found, header);
    }
  }

  /** A write of this copy was issued: it may be on the disk, whatever became of it. */
  add(seal: Seal): void {
    if (this.#written.size >= remembered && !this.#written.has(seal.sequenceNumber)) {
      this.#older = this.#written;
      this.#written = new Map();
    }
    remember(this.#written, seal);
  }

  has({ sequenceNumber, checksum }: Seal): boolean {
    const among = (known: Checksums) => known.get(sequenceNumber)?.includes(checksum) ?? false;
    return among(this.#found) || among(this.#written) || among(this.#older);
  }
}

function remember(known: Checksums, { sequenceNumber, checksum }: Seal): void {
  const checksums = known.get(sequenceNumber);
  if (checksums === undefined) known.set(sequenceNumber, [checksum]);
  else if (!checksums.includes(checksum)) checksums.push(checksum);
}
