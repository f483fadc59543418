// Room: format. What can be wrong with a slot, as values. Nothing here is ever thrown.
import type { ForeignLayout } from './foreign.js';

/** What reading a slot gave: the input of everything that decodes. */
export type SlotRead =
  /** At least the 84,288 bytes of the structure, from the slot's start; 131,072 where the tail matters. */
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  /** The device could not give the bytes; `errno` is a name as in errno(3). */
  | { readonly kind: 'unreadable'; readonly errno: string }
  /** The slot does not fit the device. */
  | { readonly kind: 'absent' };

/**
 * What is wrong with a copy. The order of the rows is the order in which they are looked for (format.md
 * rule 1): the first that applies is the damage.
 */
export type Damage =
  | { readonly fault: 'unreadable'; readonly errno: string }
  | { readonly fault: 'blank' } //  All 84,288 bytes zero. What lies behind them is not looked at.
  | { readonly fault: 'foreign'; readonly layout: ForeignLayout }
  | { readonly fault: 'magic'; readonly found: number }
  | { readonly fault: 'version'; readonly found: number }
  | { readonly fault: 'checksum'; readonly stored: number; readonly computed: number }
  | { readonly fault: 'count'; readonly found: number }
  | { readonly fault: 'health'; readonly found: number };
