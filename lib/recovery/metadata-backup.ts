// Room: recovery, pure part. A backup to keep: the five structures and nothing else. What lies behind a structure in its slot
// may be memory of a kernel, so it stays behind, but for slots in which a remapped sector has its data (format.md rule 14).

import { sha256Of } from '../base/crypto.js';
import type { UnixSeconds } from '../base/units.js';
import type { DeviceInfo } from '../device/device.js';
import { type SavedDevice, savedDevice } from '../device/saved-identity.js';
import { geometries, touchesMetadata } from '../format/geometry.js';
import { sealImage } from '../format/sealed-image.js';
import { type RemapEntry, slotBytes, structureBytes } from '../format/structure.js';
import type { Findings } from '../store/examine/examine.js';
import { validCopies } from '../store/table/copies.js';
import { effectiveEntries } from '../store/table/table.js';
import { mainOf, type Preimage } from './preimage.js';
import type { Region } from './region.js';

const backupSchema = 'dmremap.backup/1';

/** A remap whose data lies in the metadata region. */
interface DataInside {
  readonly original: string;
  readonly spare: string;
}

/** The document of a backup (docs/backup.schema.json). */
export interface MetadataBackup {
  readonly schema: typeof backupSchema;
  readonly time: string;
  readonly region: { readonly bytes: number; readonly sha256: string; readonly missing: readonly number[] };
  readonly device: SavedDevice;
  readonly main: Preimage['main'];
  readonly elected: { readonly copy: number; readonly sequence: string; readonly remaps: number } | null;
  readonly copies: readonly {
    readonly copy: number;
    readonly state: 'valid' | 'damaged' | 'absent';
    readonly sequence: string | null;
    /** Of the structure; null where the copy does not fit or cannot be read. */
    readonly sha256: string | null;
    /** Whether what lies behind the structure was left out. */
    readonly slack: 'left out' | 'kept';
  }[];
  readonly dataInside: readonly DataInside[];
}

/** What a request to a remapped sector reaches at most is not known; the module moves requests whole. 4 KiB is a page. */
const sectorsOfData = 8n;

/** A backup as a file, and what it says. */
export function makeBackup(
  region: Region,
  report: Findings,
  info: DeviceInfo,
  now: UnixSeconds,
): { readonly file: Uint8Array; readonly backup: MetadataBackup } {
  const inside = dataInside(report);
  const missing = region.missing.map(({ copy }) => copy);
  const bytes = region.bytes.slice();
  const kept = report.copies.map(({ copy }) => holdsData(copy, inside));
  for (const { copy, slot } of report.copies) {
    const start = copy * slotBytes;
    if (slot.state === 'absent') bytes.fill(0, start);
    else if (!kept[copy]) bytes.fill(0, start + structureBytes, start + slotBytes);
  }
  const { ours } = report.elections;
  const backup: MetadataBackup = {
    schema: backupSchema,
    time: `${now}`,
    region: { bytes: bytes.length, sha256: sha256Of(bytes), missing },
    device: savedDevice(info),
    main: mainOf(report),
    elected: ours && {
      copy: ours.copy,
      sequence: `${ours.sequence}`,
      remaps: report.shown?.slot.header.activeRemaps ?? 0,
    },
    copies: report.copies.map(({ copy, slot }) => {
      const start = copy * slotBytes;
      const there = slot.state !== 'absent' && !missing.includes(copy);
      return {
        copy,
        state: slot.state,
        sequence: slot.state === 'valid' ? `${slot.header.sequenceNumber}` : null,
        sha256: there ? sha256Of(bytes.subarray(start, start + structureBytes)) : null,
        slack: kept[copy] ? 'kept' : 'left out',
      };
    }),
    dataInside: inside.map(({ originalSector, spareSector }) => ({
      original: `${originalSector}`,
      spare: `${spareSector}`,
    })),
  };
  return { file: sealImage(bytes, backup), backup };
}

/** The remaps of any valid copy whose data lies in the region: which of the tables is in force is not for a backup to say. */
function dataInside({ copies }: Findings): RemapEntry[] {
  const found = new Map<string, RemapEntry>();
  for (const { slot } of validCopies(copies)) {
    const effective = effectiveEntries(slot.entries);
    for (const [at, entry] of slot.entries.entries()) {
      if (!effective[at] || !touchesMetadata(geometries.driver, entry.spareSector)) continue;
      found.set(`${entry.originalSector} ${entry.spareSector}`, entry);
    }
  }
  return [...found.values()];
}

const sectorsPerSlot = BigInt(slotBytes / 512);

const holdsData = (copy: number, entries: readonly RemapEntry[]): boolean =>
  entries.some(({ spareSector }) => {
    const first = BigInt(copy) * sectorsPerSlot;
    return spareSector < first + sectorsPerSlot && first < spareSector + sectorsOfData;
  });
