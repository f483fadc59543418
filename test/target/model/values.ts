// What a sector holds in a history: the number of the write that it is from and its own number, over and over, so that a
// mixture, a sector in a wrong place and one that nobody has written are all seen.

const sectorBytes = 512;

/** A sector of zeros: what `remap-zero` leaves. */
export const zeros = 0;

/** Sectors from `first` on, as the write of this number has them. */
export function bytesOf(value: number, first: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count * sectorBytes);
  const words = new Uint32Array(bytes.buffer);
  for (let at = 0; at < words.length; at += 2) {
    words[at] = value;
    words[at + 1] = first + Math.floor((at * 4) / sectorBytes);
  }
  return bytes;
}

/** Whose value a sector holds; undefined where it is nobody's. @param at which sector of `bytes`. */
export function valueIn(bytes: Uint8Array, at: number, sector: number): number | undefined {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at * sectorBytes, sectorBytes / 4);
  const [value, place] = words as unknown as [number, number];
  const mine = value === zeros ? 0 : sector;
  if (place !== mine) return undefined;
  for (let word = 2; word < words.length; word += 2) {
    if (words[word] !== value || words[word + 1] !== mine) return undefined;
  }
  return value;
}
