// Room: store, pure part. Which copies a store knows: those that it found when it was opened, and those that it has written
// since. A copy with a good checksum that is neither was written by somebody else. That its sequence or its date is higher
// looks like the right test and is none: another writer that went on from the same table gives out the same sequences, and
// the kernel module begins at 2 again.
import type { SlotCopy } from './copies.js';
import { sealedHeader } from './election.js';

/** What tells copies apart, up to a collision of CRC-32. */
interface Seal {
  readonly sequenceNumber: bigint;
  readonly checksum: number;
}

/** At least five copies of some three thousand commits: what a drive has lost may come to light that much later. */
const remembered = 16_384;

export class KnownCopies {
  readonly #found: ReadonlySet<bigint>;
  /** Forgotten all at once: a set from which the oldest is taken one by one is slow to say which that is. */
  #older: ReadonlySet<bigint> = new Set();
  #written = new Set<bigint>();

  constructor(copies: readonly SlotCopy[]) {
    const headers = copies.map(({ slot }) => sealedHeader(slot)).filter((header) => header !== null);
    this.#found = new Set(headers.map(keyOf));
  }

  /** A write of this copy was issued: it may be on the disk, whatever became of it. */
  add(seal: Seal): void {
    if (this.#written.size >= remembered) {
      this.#older = this.#written;
      this.#written = new Set();
    }
    this.#written.add(keyOf(seal));
  }

  has(seal: Seal): boolean {
    const key = keyOf(seal);
    return this.#found.has(key) || this.#written.has(key) || this.#older.has(key);
  }
}

const keyOf = ({ sequenceNumber, checksum }: Seal): bigint => (sequenceNumber << 32n) | BigInt(checksum);
