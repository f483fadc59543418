// The states that a power cut can leave, in whole copies: what was durable stays, and of each slot that was being written
// there is the old copy, the new one, or a torn one, independently of the others. Writes that were told as done and not
// flushed count as being written.
import { decodeSlot } from '../../lib/format/codec.js';
import { slotBytes } from '../../lib/format/structure.js';
import { type Content, canonical, contentOf, drawnContent, type State } from './alphabet.js';
import type { Recorded } from './recording-device.js';

/** What an operation does to a spare, slot by slot. */
export type Step =
  | { readonly kind: 'flush' }
  | { readonly kind: 'writes'; readonly durable: boolean; readonly writes: readonly SlotWrite[] };

export interface SlotWrite {
  readonly slot: number;
  /** What the slot holds afterwards. */
  readonly to: Content;
  /** Not so where it is disarmed. */
  readonly isBody: boolean;
}

export interface CrashState {
  readonly state: State;
  /** The bodies that are durable, and what their slots held before: what a device that lost one of them has left. */
  readonly durable: ReadonlyMap<number, Content>;
  /** For people: which group was in flight. */
  readonly group: number;
}

/** A recorded operation, slot by slot. */
export function stepsOf(start: State, log: readonly Recorded[]): Step[] {
  const held = [...start];
  return log.map((recorded): Step => {
    if (recorded.kind === 'flush') return recorded;
    const slots = [...new Set(recorded.writes.map(({ offset }) => Math.floor(offset / slotBytes)))];
    const writes = slots.map((slot): SlotWrite => {
      const bytes = (held[slot] as Content).bytes.slice();
      for (const write of recorded.writes) {
        const at = write.offset - slot * slotBytes;
        if (at >= 0 && at < slotBytes) bytes.set(write.bytes, at);
      }
      const to = contentOf(bytes);
      held[slot] = to;
      // Disarming writes nothing but zeros, over the beginning.
      const isZero = recorded.writes
        .filter((write) => Math.floor(write.offset / slotBytes) === slot)
        .every((write) => write.bytes.every((byte) => byte === 0));
      return { slot, to, isBody: !isZero };
    });
    return { kind: 'writes', durable: recorded.durable, writes };
  });
}

/**
 * Every crash state of an operation, and where it ends.
 *
 * Until the first flush nobody knows what of the start is durable: the kernel module flushes nothing. A crash before it is
 * not the operation's fault, so none is looked at; a write before it is.
 */
export function* crashStates(start: State, steps: readonly Step[]): Generator<CrashState, State> {
  // What each slot can hold after a power cut: the durable version first, then each later one.
  let versions = start.map((content) => [drawnContent('-'), content]);
  let durable: ReadonlyMap<number, Content> = new Map();
  let group = 0;
  for (const step of steps) {
    if (step.kind === 'flush') {
      versions = versions.map((known) => known.slice(-1));
      continue;
    }
    const writeTo = (slot: number) => step.writes.find((write) => write.slot === slot);
    const after = versions.map((known, slot) => {
      const to = writeTo(slot)?.to;
      return to === undefined ? known : [...known, to];
    });
    const options = after.map((known, slot) => {
      const torn =
        writeTo(slot) === undefined ? [] : tornOf(known.at(-2) as Content, known.at(-1) as Content);
      return [...new Set([...known, ...torn].map(canonical))];
    });
    for (const state of product(options)) yield { state, durable, group };
    if (step.durable) {
      const more = new Map(durable);
      for (const { slot, isBody } of step.writes) {
        const known = after[slot] as Content[];
        if (isBody) more.set(slot, known.at(-2) as Content);
        versions[slot] = known.slice(-1);
      }
      durable = more;
    } else versions = after;
    group++;
  }
  return versions.map((known) => known.at(-1) as Content);
}

const tornBefore = new Map<string, readonly Content[]>();

/** Torn between the first sector and the others, in both ways: the head is new and the rest is not, or the reverse. */
function tornOf(old: Content, to: Content): readonly Content[] {
  const key = `${old.id} ${to.id}`;
  let torn = tornBefore.get(key);
  if (torn === undefined) {
    const head = old.bytes.slice();
    head.set(to.bytes.subarray(0, 512));
    const rest = to.bytes.slice();
    rest.set(old.bytes.subarray(0, 512));
    // Of a small table all changes lie in one sector, which is written whole or not at all; of a large one they do not.
    torn = [drawnContent('x'), ...[head, rest].map(canonicalOf)];
    tornBefore.set(key, torn);
  }
  return torn;
}

/** Not kept where it is damaged: there are many of them, and one stands for all of a kind. */
function canonicalOf(bytes: Uint8Array): Content {
  const slot = decodeSlot({ kind: 'bytes', bytes });
  return slot.state === 'damaged' ? canonical({ id: -1, name: '', bytes, slot }) : contentOf(bytes);
}

function* product(
  options: readonly (readonly Content[])[],
  at = 0,
  chosen: readonly Content[] = [],
): Generator<State> {
  if (at === options.length) {
    yield chosen;
    return;
  }
  for (const content of options[at] ?? []) yield* product(options, at + 1, [...chosen, content]);
}
