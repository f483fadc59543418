// What there must be one of in a thread, however many copies of the package it has loaded: kept on globalThis, where each of them
// finds it. A worker has its own, as it has its own devices; between threads and processes the kernel's hold on a device decides.

/**
 * Rises when a part is added. A part keeps its name and its meaning in all later versions, so that an older copy and a newer one
 * agree on those that both know.
 */
const sharedVersion = 2;

/** Who writes metadata through a device, and the highest sequence given out on it. */
export interface SharedClaim {
  held: boolean;
  lastSequence: bigint;
}

/** Bytes of a device whose last write has an unknown outcome: from `offset` up to `end`, until `ended`. */
export interface SharedDoubt {
  readonly offset: bigint;
  readonly end: bigint;
  ended: boolean;
}

interface Shared {
  version: number;
  /** By the device that the caller gave. */
  readonly claims: WeakMap<object, SharedClaim>;
  /** Devices that somebody writes metadata to, as the kernel knows them: whatever object stands in front of one. Since version 2. */
  readonly claimed: Set<string>;
  readonly doubts: WeakMap<object, SharedDoubt[]>;
  /** Targets that are not destroyed, in the order in which they were opened. */
  readonly targets: Set<object>;
  /** By the exports of an addon: who hears of its events. */
  readonly speakers: WeakMap<object, object>;
}

const key = Symbol.for('dmremap.shared');

/** The one of this thread: made by the first copy of the package that asks, completed by a newer one. */
export function shared(): Shared {
  const holder = globalThis as { [key]?: Partial<{ -readonly [Part in keyof Shared]: Shared[Part] }> };
  holder[key] ??= {};
  const parts = holder[key];
  if ((parts.version ?? 0) < sharedVersion) parts.version = sharedVersion;
  parts.claims ??= new WeakMap();
  parts.claimed ??= new Set();
  parts.doubts ??= new WeakMap();
  parts.targets ??= new Set();
  parts.speakers ??= new WeakMap();
  return parts as Shared;
}
