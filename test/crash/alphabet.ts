// What a slot can hold. Equal bytes are one content, decoded once, so that a disk is five small words and a
// state that was judged before is known again. A slot that a torn write has damaged is the drawn one of its kind: nothing
// that decides looks at more of it than its fault (a test holds real torn bytes against this). What was drawn stays as it is.
import { decodeSlot } from '../../lib/format/codec.js';
import { copyIndexOffset, slotBytes } from '../../lib/format/structure.js';
import type { SlotCopy } from '../../lib/store/table/copies.js';
import { patchSlot, u32Bytes } from '../support/disk.js';
import { drawWord } from '../support/draw.js';

/** What one slot holds. */
export interface Content {
  readonly id: number;
  /** For people: the word that draws it, or what it says of itself. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly slot: SlotCopy['slot'];
}

/** Five, or fewer where fewer fit: what a spare holds. */
export type State = readonly Content[];

const byKey = new Map<string, Content[]>();
let contents = 0;

/** The content of these bytes. They are kept, and must not change afterwards. */
export function contentOf(bytes: Uint8Array, name?: string): Content {
  // The head says nearly everything about a copy; equal bytes are proven below.
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, 32).toString('latin1');
  const same = byKey.get(key) ?? [];
  byKey.set(key, same);
  const known = same.find((content) => Buffer.compare(content.bytes, bytes) === 0);
  if (known !== undefined) return known;
  const slot = decodeSlot({ kind: 'bytes', bytes });
  const content = { id: contents++, name: name ?? nameOf(slot), bytes, slot };
  same.push(content);
  return content;
}

function nameOf(slot: SlotCopy['slot']): string {
  if (slot.state !== 'valid') return slot.state === 'damaged' ? slot.damage.fault : '.';
  const { header, entries } = slot;
  const table = entries.map(({ originalSector }) => originalSector).join('+') || 'empty';
  return `${header.sequenceNumber}(${table})#${header.copyIndex}`;
}

const drawn = new Map<string, Content>();

/** The content that a word of `draw.ts` draws. */
export function drawnContent(word: string): Content {
  let content = drawn.get(word);
  if (content === undefined) {
    content = contentOf(drawWord(word) as Uint8Array, word);
    drawn.set(word, content);
  }
  return content;
}

/** The same in the slot of this number: a valid copy says so, as our own writer has it. */
export function drawnAt(word: string, copy: number): Content {
  const plain = drawnContent(word);
  if (plain.slot.state !== 'valid') return plain;
  const key = `${word}#${copy}`;
  let content = drawn.get(key);
  if (content === undefined) {
    content = contentOf(patchSlot(plain.bytes, copyIndexOffset, u32Bytes(copy)), word);
    drawn.set(key, content);
  }
  return content;
}

/** The same content, or the drawn one of its kind where it is damaged and was not drawn itself. */
export function canonical(content: Content): Content {
  const { slot } = content;
  if (slot.state !== 'damaged' || drawn.get(content.name) === content) return content;
  switch (slot.damage.fault) {
    case 'checksum':
      return drawnContent('x');
    case 'magic':
      return drawnContent('m');
    case 'blank':
      return drawnContent('-');
    default:
      return content;
  }
}

export const textOf = (state: State): string =>
  [...state.map(({ name }) => name), ...Array<string>(5 - state.length).fill('.')].join(' ');

export const keyOf = (state: State): string => state.map(({ id }) => id).join(' ');

/** The state as the image of a spare. */
export function imageOf(state: State): Uint8Array {
  const image = new Uint8Array(state.length * slotBytes);
  state.forEach(({ bytes }, copy) => {
    image.set(bytes, copy * slotBytes);
  });
  return image;
}

export const copiesOf = (state: State): SlotCopy[] =>
  Array.from({ length: 5 }, (_, copy) => ({
    copy,
    offset: BigInt(copy * slotBytes) as SlotCopy['offset'],
    slot: state[copy]?.slot ?? { state: 'absent' },
  }));
