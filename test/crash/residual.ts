// Which torn writes would pass for a whole copy, by algebra instead of by trying. The residual of a slot, its stored checksum
// XOR the computed one, is linear: that of a torn image is that of the old one XOR what each new sector contributes. An
// image can only be valid where the residual is 0, and which sets of sectors make it so is a system of 32 equations. So all
// 2^n subsets are looked at, not a sample.

import { structureChecksum } from '../../lib/format/checksum.js';
import { viewOf } from '../../lib/format/layout.js';
import { checksumOffset, structureBytes } from '../../lib/format/structure.js';

export const sectorBytes = 512;

export const residual = (slot: Uint8Array): number =>
  (structureChecksum(slot) ^ viewOf(slot).getUint32(checksumOffset, true)) >>> 0;

/** A write to a slot, sector by sector. */
export interface Tearing {
  readonly old: Uint8Array;
  readonly next: Uint8Array;
  /** The sectors of the structure in which the two differ: the others are the same, torn or not. */
  readonly sectors: readonly number[];
  /** The residual with no sector written. */
  readonly before: number;
  /** What each of `sectors` contributes. */
  readonly parts: readonly number[];
}

export function tearingOf(old: Uint8Array, next: Uint8Array): Tearing {
  const sectors: number[] = [];
  const parts: number[] = [];
  for (let sector = 0; sector * sectorBytes < structureBytes; sector++) {
    const from = sector * sectorBytes;
    const to = Math.min(from + sectorBytes, structureBytes);
    if (Buffer.compare(old.subarray(from, to), next.subarray(from, to)) === 0) continue;
    const difference = new Uint8Array(structureBytes);
    for (let at = from; at < to; at++) difference[at] = (old[at] as number) ^ (next[at] as number);
    sectors.push(sector);
    parts.push(residual(difference));
  }
  return { old, next, sectors, before: residual(old), parts };
}

/** The image with these of `sectors` new: true in the mask is new. */
export function imageOfMask({ old, next, sectors }: Tearing, mask: readonly boolean[]): Uint8Array {
  const image = old.slice();
  sectors.forEach((sector, at) => {
    const from = sector * sectorBytes;
    if (mask[at]) image.set(next.subarray(from, from + sectorBytes), from);
  });
  return image;
}

/**
 * Every set of sectors whose residual is 0, where they can be told: undefined where more than 2^`limit` sets have it (more
 * sectors than the checksum has bits).
 */
export function passingMasks({ before, parts }: Tearing, limit = 10): boolean[][] | undefined {
  // Gauss over GF(2): a row is a sum of parts and which parts are in it.
  const rows: { value: number; set: bigint }[] = [];
  const kernel: bigint[] = [];
  const reduce = (value: number, set: bigint) => {
    for (const row of rows) {
      if ((value ^ row.value) >>> 0 < value >>> 0) {
        value = (value ^ row.value) >>> 0;
        set ^= row.set;
      }
    }
    return { value, set };
  };
  parts.forEach((part, at) => {
    const { value, set } = reduce(part, 1n << BigInt(at));
    if (value === 0) kernel.push(set);
    else {
      rows.push({ value, set });
      rows.sort((a, b) => b.value - a.value);
    }
  });
  if (kernel.length > limit) return undefined;
  const one = reduce(before, 0n);
  if (one.value !== 0) return [];
  let sets = [one.set];
  for (const vector of kernel) sets = sets.flatMap((set) => [set, set ^ vector]);
  return sets.map((set) => parts.map((_, at) => ((set >> BigInt(at)) & 1n) === 1n));
}

/** Prefixes, suffixes, single and double holes, and the reverse of holes: one or two sectors alone. */
export function* namedMasks(sectors: number): Generator<boolean[]> {
  const mask = (isNew: (at: number) => boolean) => Array.from({ length: sectors }, (_, at) => isNew(at));
  for (let cut = 0; cut <= sectors; cut++) {
    yield mask((at) => at < cut);
    yield mask((at) => at >= cut);
  }
  for (let first = 0; first < sectors; first++) {
    for (let second = first; second < sectors; second++) {
      yield mask((at) => at !== first && at !== second);
      yield mask((at) => at === first || at === second);
    }
  }
}

export const residualOf = ({ before, parts }: Tearing, mask: readonly boolean[]): number =>
  parts.reduce((sum, part, at) => (mask[at] ? (sum ^ part) >>> 0 : sum), before);
