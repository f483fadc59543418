// The images of make.sh: what tools of Debian have written, as far as it shows whose data it is, and what blkid says of it.
import { closeSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

export interface RecordedImage {
  readonly name: string;
  /** The command, or where the structure is published. */
  readonly made: string;
  readonly sizeBytes: number;
  /** The TYPE or else the PTTYPE of `blkid -p` on the whole image; null where it knows nothing. */
  readonly blkid: string | null;
  /** Those that are not zero, by byte offset, in base64. */
  readonly sectors: Readonly<Record<string, string>>;
}

export const recordedImages: readonly RecordedImage[] = JSON.parse(
  gunzipSync(readFileSync(new URL('images.json.gz', import.meta.url))).toString(),
);

export function recordedImage(name: string): RecordedImage {
  const image = recordedImages.find((one) => one.name === name);
  if (image === undefined) throw new Error(`no image ${name}`);
  return image;
}

export const sectorsOf = ({ sectors }: RecordedImage): { readonly at: number; readonly bytes: Buffer }[] =>
  Object.entries(sectors).map(([at, text]) => ({ at: Number(at), bytes: Buffer.from(text, 'base64') }));

/** What was recorded of an image, as a sparse file of its size. */
export function inflate(image: RecordedImage, path: string): void {
  const descriptor = openSync(path, 'w');
  for (const { at, bytes } of sectorsOf(image)) writeSync(descriptor, bytes, 0, bytes.length, at);
  closeSync(descriptor);
  truncateSync(path, image.sizeBytes);
}

/** Bytes of an image. What was not recorded is zero. */
export function bytesOf(image: RecordedImage, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const { at, bytes: sector } of sectorsOf(image)) {
    const [from, to] = [Math.max(at, offset), Math.min(at + 512, offset + length)];
    if (from < to) bytes.set(sector.subarray(from - at, to - at), from - offset);
  }
  return bytes;
}
