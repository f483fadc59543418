// Room: format. What is saved of a spare, as a file: the region as it was, so that every reader takes it as an image, and
// behind it a trailer that says what it is. The seal is the last line; only what it vouches for is believed.
//
//   region | zeros to a whole block | document (JSON) | spaces | "\ndmremap.image/1 region=N document=N sha256=HEX\n"
//   whole blocks, so that it can be read with O_DIRECT

import { sha256Of } from '../base/crypto.js';
import { DmremapError } from '../base/errors.js';
import { metadataRegionBytes } from './geometry.js';

/** What the file is a multiple of, and what has to be read of its end. */
export const sealBlockBytes = 4096;
/** No document of ours comes near it. */
const maxDocumentBytes = 1024 * 1024;
/** The largest sealed image: what is larger need not be asked whether it is one. */
export const maxSealedBytes = metadataRegionBytes + maxDocumentBytes + 2 * sealBlockBytes;

/** The last line of a sealed image. */
export interface Seal {
  readonly regionBytes: number;
  readonly documentOffset: number;
  readonly documentBytes: number;
  /** Of the document, in hexadecimal. The document holds that of the region. */
  readonly sha256: string;
}

const wholeBlocks = (bytes: number): number => Math.ceil(bytes / sealBlockBytes) * sealBlockBytes;

/** A region and a document about it as one file. */
export function sealImage(region: Uint8Array, document: object): Uint8Array {
  const text = Buffer.from(`${JSON.stringify(document, null, 1)}\n`);
  const line = `\ndmremap.image/1 region=${region.length} document=${text.length} sha256=${sha256Of(text)}\n`;
  const documentOffset = wholeBlocks(region.length);
  const image = Buffer.alloc(wholeBlocks(documentOffset + text.length + line.length), ' ');
  image.fill(0, 0, documentOffset);
  image.set(region);
  image.set(text, documentOffset);
  image.write(line, image.length - line.length, 'latin1');
  return image;
}

const sealLine = /\ndmremap\.image\/1 region=(\d{1,7}) document=(\d{1,7}) sha256=([0-9a-f]{64})\n$/;

/**
 * The seal of a file, or null where it has none.
 * @param end the last bytes of the file, at least one block where it has that many.
 */
export function sealOf(end: Uint8Array, sizeBytes: bigint): Seal | null {
  if (sizeBytes > BigInt(maxSealedBytes) || sizeBytes % BigInt(sealBlockBytes) !== 0n) return null;
  const line = sealLine.exec(Buffer.from(end.subarray(-200)).toString('latin1'));
  if (line === null) return null;
  const [regionBytes, documentBytes] = [Number(line[1]), Number(line[2])];
  const documentOffset = wholeBlocks(regionBytes);
  const size = wholeBlocks(documentOffset + documentBytes + line[0].length);
  if (regionBytes > metadataRegionBytes || documentBytes > maxDocumentBytes) return null;
  return BigInt(size) === sizeBytes
    ? { regionBytes, documentOffset, documentBytes, sha256: line[3] ?? '' }
    : null;
}

/** A sealed image, taken apart. */
interface Unsealed {
  readonly region: Uint8Array;
  readonly document: Readonly<Record<string, unknown>>;
}

const invalid = (what: string, cause?: unknown) => new DmremapError('ERR_IMAGE_INVALID', what, { cause });

/**
 * Takes a sealed image apart and proves it, from the seal to the region.
 * @throws DmremapError ERR_IMAGE_INVALID where a byte of it is not what was sealed.
 */
export function unsealImage(image: Uint8Array): Unsealed {
  const seal = sealOf(image, BigInt(image.length));
  if (seal === null) throw invalid('it has no seal: it is none of our files, or it is cut off');
  const text = image.subarray(seal.documentOffset, seal.documentOffset + seal.documentBytes);
  if (sha256Of(text) !== seal.sha256) throw invalid('its document is not the one that was sealed');
  const document = parsed(text);
  const region = image.subarray(0, seal.regionBytes);
  const described = document.region as { readonly bytes?: unknown; readonly sha256?: unknown } | undefined;
  if (described?.bytes !== region.length || described.sha256 !== sha256Of(region)) {
    throw invalid('its bytes are not the ones that were saved');
  }
  return { region, document };
}

function parsed(text: Uint8Array): Record<string, unknown> {
  try {
    const document: unknown = JSON.parse(Buffer.from(text).toString('utf8'));
    if (typeof document === 'object' && document !== null && !Array.isArray(document)) {
      return document as Record<string, unknown>;
    }
  } catch (cause) {
    throw invalid('its document is not JSON', cause);
  }
  throw invalid('its document is not an object');
}
