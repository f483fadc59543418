// Room: bench. From values to bytes and back, in memory: no device, and no page of one, is touched.
import { createHash } from 'node:crypto';
import { structureChecksum } from '../../dist/format/checksum.js';
import { decodeCopy } from '../../dist/format/codec.js';
import { geometries, metadataRegionBytes } from '../../dist/format/geometry.js';
import {
  blankMetadata,
  encodeCopy,
  metadataOf,
  remapEntry,
  withEntries,
} from '../../dist/format/metadata.js';
import { copyCount } from '../../dist/format/structure.js';
import { piecesOf, updateBetween } from '../../dist/format/update.js';
import { examine, judgeCopies } from '../../dist/store/examine/examine.js';
import { readCopies } from '../../dist/store/table/copies.js';
import { random } from '../frame/random.mjs';

const now = 1_790_000_000n;
/** What most disks write at once, and what a commit goes by there. */
const blockBytes = 4096;
const copies = Array.from({ length: copyCount }, (_, copy) => copy);

/** A table of entries at random places of 8 TiB. */
function drawnMetadata(count) {
  const draw = random(1);
  const options = { mainSectors: 2n ** 34n, spareSectors: 2n ** 30n, timestampSeconds: now, sequence: 7n };
  return withEntries(
    blankMetadata(options),
    Array.from({ length: count }, (_, at) => drawnEntry(draw, at)),
  );
}

const drawnEntry = (draw, at) =>
  remapEntry({
    originalSector: BigInt(draw(2 ** 34)),
    spareSector: BigInt(1280 + 8 * at),
    remapTimestampNs: now * 1_000_000_000n,
  });

/** One more remap, as a store does it: what is on the disk, and the table that has to come there. */
function oneMore(count) {
  const before = metadataOf(decodeCopy(encodeCopy(drawnMetadata(count - 1), 0)));
  const entry = drawnEntry(random(2), count);
  const after = withEntries(before, [...before.entries, entry], {
    sequenceNumber: 8n,
    timestampSeconds: now + 1n,
  });
  return { before, after, slots: copies.map((copy) => encodeCopy(before, copy)) };
}

const hashOf = (slots) => {
  const hash = createHash('sha256');
  for (const slot of slots) hash.update(slot);
  return hash.digest('hex');
};

const isSame = (metadata, slot) => Buffer.compare(encodeCopy(metadata, 0), slot) === 0;

export const sides = {
  /** One copy: 131,072 bytes are made, 84,288 of them checksummed. */
  encode({ entries }) {
    const metadata = drawnMetadata(entries);
    return {
      operations: 1,
      pass: () => encodeCopy(metadata, 0)[24],
      answer: () => hashOf([encodeCopy(metadata, 0)]),
    };
  },
  /** One copy: its bytes are copied, proven, and made entries. */
  decode({ entries }) {
    const slot = encodeCopy(drawnMetadata(entries), 0);
    return {
      operations: 1,
      pass() {
        const decoded = decodeCopy(slot);
        return decoded.computed + decoded.entries.length;
      },
      answer() {
        const decoded = decodeCopy(slot);
        if (!isSame(metadataOf(decoded), slot)) throw new Error('what was decoded is not what was encoded');
        return hashOf([slot]);
      },
    };
  },
  /** Of one copy, by zlib: what encode and decode cannot be faster than. */
  checksum({ entries }) {
    const slot = encodeCopy(drawnMetadata(entries), 0);
    return { operations: 1, pass: () => structureChecksum(slot), answer: () => hashOf([slot]) };
  },
  /** Five copies that are decoded: both elections, and what makes them doubtful. That they are no fork takes reading them all. */
  elect({ entries }) {
    const decoded = readCopies(geometries.driver, readsOf(entries), BigInt(metadataRegionBytes));
    return {
      operations: 1,
      pass: () => electedOf(judgeCopies(decoded, now)),
      answer: () => hashOf(readsOf(entries).map(({ bytes }) => bytes)),
    };
  },
  /** From the bytes of five copies to all that `examine` and `check` say of them. */
  examine({ entries }) {
    const driver = readsOf(entries);
    // Sector 0 is copy 0 in both geometries, and sector 1024 a copy in both.
    const documented = [driver[0], driver[4]];
    const input = {
      reads: { driver, documented },
      sizeBytes: BigInt(metadataRegionBytes),
      now,
      geometry: 'auto',
    };
    return {
      operations: 1,
      pass: () => electedOf(examine(input)),
      answer: () => hashOf(driver.map(({ bytes }) => bytes)),
    };
  },

  /** What a commit of one more remap computes for all five copies: the blocks that change, the checksums from the change. */
  update({ entries }) {
    const { before, after, slots } = oneMore(entries);
    const pieces = () => {
      const update = updateBetween(before, after);
      return slots.map((slot, copy) => piecesOf(update, slot, copy, blockBytes));
    };
    return {
      operations: 1,
      pass: () => pieces().reduce((sum, [first]) => sum + first.bytes[24], 0),
      answer() {
        const written = slots.map((slot) => slot.slice());
        pieces().forEach((ofCopy, copy) => {
          for (const { offset, bytes } of ofCopy) written[copy].set(bytes, offset);
        });
        return hashOf(written);
      },
    };
  },
  /** The same five copies, each made and checksummed whole. */
  'encode five'({ entries }) {
    const { after, slots } = oneMore(entries);
    const encoded = () => slots.map((slot, copy) => encodeCopy(after, copy, slot));
    return {
      operations: 1,
      pass: () => encoded().reduce((sum, slot) => sum + slot[24], 0),
      answer: () => hashOf(encoded()),
    };
  },
};

/** Five healthy copies, as reading gives them. */
function readsOf(entries) {
  const metadata = drawnMetadata(entries);
  return copies.map((copy) => ({ kind: 'bytes', bytes: encodeCopy(metadata, copy) }));
}

function electedOf({ elections: { driver, ours, agree } }) {
  if (!agree || driver?.copy !== 0) throw new Error('five healthy copies, and copy 0 is not elected');
  return ours.copy + 1;
}
