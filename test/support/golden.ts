// The golden images: written by upstream's own code, read here. manifest.json says how each was made and what a
// correct reader decodes from it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What the manifest says about a copy that is present and begins with the magic number. */
export interface GoldenCopy {
  readonly copy: number;
  readonly offset: number;
  readonly present?: boolean;
  readonly magic?: string;
  readonly magic_ok?: boolean;
  readonly version?: number;
  readonly sequence?: string;
  readonly timestamp?: string;
  readonly checksum?: string;
  readonly computed?: string;
  readonly checksum_ok?: boolean;
  readonly copy_index?: number;
  readonly structure_size?: number;
  readonly reserved?: number;
  readonly active_remaps?: number;
  readonly max_remaps?: number;
  readonly next_spare_sector?: number;
  readonly remap_flags?: number;
  readonly health_score?: number;
}

export interface GoldenRemap {
  readonly i: number;
  readonly original: string;
  readonly spare: string;
  readonly ts_ns: string;
  readonly access: number;
  readonly error: number;
  readonly reason: number;
  readonly flags: number;
}

export interface GoldenFields {
  readonly main_uuid: string;
  readonly spare_uuid: string;
  readonly main_sectors: string;
  readonly spare_sectors: string;
  readonly sector_size: number;
  readonly remap_capacity: number;
  readonly fingerprint: string;
  readonly model: string;
  readonly scan_interval_hours: number;
}

export interface GoldenImage {
  readonly name: string;
  readonly file: string;
  readonly size: number;
  readonly sha256: string;
  readonly now: number;
  /** Whether the module accepts the copy at `now`. */
  readonly valid: readonly boolean[];
  /** The module's election. */
  readonly selected: number | null;
  readonly copies: readonly GoldenCopy[];
  readonly remaps_count?: number;
  readonly remaps?: readonly GoldenRemap[];
  readonly fields?: GoldenFields;
  readonly kernel_verdict?: {
    readonly selected: number;
    readonly sequence: string;
    readonly valid_copies: number;
  };
  readonly what: string;
}

const folder = new URL('../golden/', import.meta.url);

/** All golden images, as the manifest lists them. */
export const goldenImages: readonly GoldenImage[] = JSON.parse(
  readFileSync(new URL('manifest.json', folder), 'utf8'),
).images;

/** The bytes of a golden image, proven to be those that the manifest means. */
export function goldenBytes(image: GoldenImage | string): Uint8Array<ArrayBuffer> {
  const found = typeof image === 'string' ? goldenImages.find(({ name }) => name === image) : image;
  if (found === undefined) throw new Error(`there is no golden image ${String(image)}`);
  const bytes = new Uint8Array(gunzipSync(readFileSync(new URL(found.file, folder))));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (bytes.length !== found.size || sha256 !== found.sha256) {
    throw new Error(`${found.file} is not the image that the manifest means`);
  }
  return bytes;
}
