// Room: store, pure part. Whether the kernel module would create its target over this spare at all: it refuses before it reads
// any metadata (format.md section 4). The table on the spare plays no part in it, so it changes no verdict.
import { type Sector, sector } from '../../base/units.js';

/** What the module would say to this pair of devices. */
export interface Admission {
  readonly accepts: boolean;
  /** Sentences for people. Empty where it accepts. */
  readonly reasons: readonly string[];
  /** Sectors that the spare must have at least. */
  readonly neededSectors: Sector;
  /** The module's parameter `spare_overhead_percent` that this is judged by: the module's default. */
  readonly assumedOverheadPercent: number;
}

/** What is known of the two devices. */
interface AdmissionInput {
  readonly mainSectors: bigint;
  readonly spareSectors: bigint;
  /** Bytes of a logical block; left out where the device is not at hand. */
  readonly mainBlockBytes?: number | undefined;
  readonly spareBlockBytes?: number | undefined;
}

const defaultOverheadPercent = 2;
const minMainSectors = 2048n;

/**
 * Sectors that a spare must have, every division rounded down as the module does:
 *
 *     b      = main * percent / 100
 *     n      = (4096 / block + 1) + b + (b * 64 / block + 1)
 *     needed = n + n * 20 / 100
 *
 * With blocks of 512 bytes that is 1.2 * (9 + b + b * 64 / 512 + 1): 3,549 for a main of 131,072.
 * @param percent `spare_overhead_percent`, 0 to 20.
 */
export function neededSpareSectors(
  mainSectors: bigint,
  percent: number = defaultOverheadPercent,
  blockBytes = 512,
): Sector {
  const block = BigInt(blockBytes);
  const bad = (mainSectors * BigInt(percent)) / 100n;
  const base = 4096n / block + 1n + bad + ((bad * 64n) / block + 1n);
  return sector(base + (base * 20n) / 100n);
}

/** Whether the module would create a target of these two devices, as far as that is known. */
export function admissionOf(input: AdmissionInput): Admission {
  const { mainSectors, spareSectors, mainBlockBytes, spareBlockBytes } = input;
  const block = mainBlockBytes ?? spareBlockBytes;
  const neededSectors = neededSpareSectors(mainSectors, defaultOverheadPercent, block);
  const reasons: string[] = [];
  if (mainBlockBytes !== undefined && spareBlockBytes !== undefined && mainBlockBytes !== spareBlockBytes) {
    reasons.push(
      `The kernel module refuses to create the target (EINVAL): main has logical blocks of ${mainBlockBytes} bytes, ` +
        `and the spare of ${spareBlockBytes}.`,
    );
  }
  if (mainSectors < minMainSectors) {
    reasons.push(
      `The kernel module refuses to create the target (ENOSPC): main has ${mainSectors} sectors, and must have ${minMainSectors}.`,
    );
  }
  if (spareSectors < neededSectors) {
    reasons.push(
      `The kernel module refuses to create the target (ENOSPC): the spare has ${spareSectors} sectors, and for a main ` +
        `of ${mainSectors} it must have ${neededSectors}${otherBlocks(input, block)}${otherParameter(input, block)}.`,
    );
  }
  return {
    accepts: reasons.length === 0,
    reasons,
    neededSectors,
    assumedOverheadPercent: defaultOverheadPercent,
  };
}

/** An image does not show what logical blocks its disk has. */
function otherBlocks({ mainSectors, spareSectors }: AdmissionInput, block: number | undefined): string {
  const needed = neededSpareSectors(mainSectors, defaultOverheadPercent, 4096);
  return block === undefined && spareSectors >= needed
    ? ` where logical blocks have 512 bytes, and ${needed} where they have 4096`
    : '';
}

/** The highest parameter below the default with which the spare would do. */
function otherParameter({ mainSectors, spareSectors }: AdmissionInput, block: number | undefined): string {
  for (let percent = defaultOverheadPercent - 1; percent >= 0; percent -= 1) {
    const needed = neededSpareSectors(mainSectors, percent, block);
    if (spareSectors >= needed) return `; with spare_overhead_percent=${percent} it needs ${needed}`;
  }
  return '';
}
