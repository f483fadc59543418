// A disk as one line of text, so that a test's row is the disk it is about. One word per slot:
//
//   7     intact, sequence 7, table 7, dated now - 100 + 7
//   7f    same sequence and date, another table          7t   same table, newer date
//   7r    same table, dated now: newer than any other    7+   same table, too far in the future for the module
//   M     sequence 2^64 - 1, the last that there is; with a mark as any other: Mf, Mh, M+
//   0z    sequence and timestamp 0                       7#   count and health out of range, checksum holds
//   7o    same table, of a main device twice the size
//   7h    health out of range                            7i   a 32-bit structure, checksum holds
//   7y    one bit of the checksum flipped                7j   one bit of the copy index flipped: its checksum fails
//   x     bad checksum (was sequence 9)                  m    ours but for the magic
//   v     version 5      s   shell stub      g  bytes of somebody else
//   -     blank          .   absent          !  unreadable
import { u64Max } from '../../lib/base/units.js';
import { blankSlot, type DrawnSlot, drawnNow, drawSlot, patchSlot, u32Bytes } from './disk.js';
import { random } from './random.js';

/** The slot that a word draws. */
export function drawWord(word: string): DrawnSlot {
  switch (word) {
    case 'x':
      return patchSlot(drawSlot({ sequence: 9n }), 84_287, [1], false);
    case 'm':
      return patchSlot(drawSlot({ sequence: 9n }), 0, [0], false);
    case 'v':
      return patchSlot(drawSlot({ sequence: 9n }), 4, [5]);
    case 's':
      return patchSlot(patchSlot(blankSlot(), 0, u32Bytes(0x444d5234), false), 32, u32Bytes(2048), false);
    case 'g':
      return random(5).fill(blankSlot()) as Uint8Array<ArrayBuffer>;
    case '-':
      return blankSlot();
    case '.':
      return { kind: 'absent' };
    case '!':
      return { kind: 'unreadable', errno: 'EIO' };
    default:
      return drawCopy(...sequenceOf(word));
  }
}

function sequenceOf(word: string): [sequence: bigint, mark: string] {
  if (word.startsWith('M')) return [u64Max, word.slice(1)];
  const [digits = ''] = /^\d*/.exec(word) ?? [];
  return [BigInt(digits), word.slice(digits.length)];
}

function drawCopy(sequence: bigint, mark: string): Uint8Array<ArrayBuffer> {
  const original = sequence === u64Max ? 64n : sequence;
  const table = [[original, 3000n]] as const;
  const timestamp = drawnNow - 100n + original;
  const plain = { sequence, timestamp, remaps: table };
  switch (mark) {
    case '':
      return drawSlot(plain);
    case 'f':
      return drawSlot({ ...plain, remaps: [[original, 4000n]] });
    case 't':
      return drawSlot({ ...plain, timestamp: timestamp + 1n });
    case 'r':
      return drawSlot({ ...plain, timestamp: drawnNow });
    case '+':
      return drawSlot({ ...plain, timestamp: drawnNow + 86_401n });
    case 'z':
      return drawSlot({ ...plain, timestamp: 0n });
    case 'o':
      return patchSlot(drawSlot(plain), 120, [0, 128, 0, 0, 0, 0, 0, 0]);
    case 'h':
      return drawSlot({ ...plain, header: { healthScore: 101 } });
    case '#':
      return patchSlot(drawSlot({ ...plain, header: { healthScore: 101 } }), 296, u32Bytes(2049));
    case 'y':
      return flipped(drawSlot(plain), 24);
    case 'j':
      return flipped(drawSlot(plain), 28);
    case 'i':
      return drawSlot({ ...plain, header: { structureSize: 76_092 } });
    default:
      throw new Error(`nobody knows how to draw ${sequence}${mark}`);
  }
}

const flipped = (slot: Uint8Array, at: number): Uint8Array<ArrayBuffer> =>
  patchSlot(slot, at, [(slot[at] as number) ^ 1], false);

/** The five slots of a drawn disk. */
export const drawDisk = (disk: string): DrawnSlot[] => disk.split(' ').map(drawWord);

/** The same as bytes: what cannot be read or does not fit is blank. */
export const drawSlots = (disk: string): Uint8Array[] =>
  drawDisk(disk).map((slot) => (slot instanceof Uint8Array ? slot : blankSlot()));
