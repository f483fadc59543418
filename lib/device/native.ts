// The only file that loads the .node, and the only one that knows its calling conventions (native/addon.cc).
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { DmremapError } from '../base/errors.js';

/** id, kind, payload, id, kind, payload, ... */
type Events = readonly unknown[];

/** What open(2) and its companions found, or the step that failed. */
export interface OpenedDevice {
  readonly kind: string;
  readonly major: number;
  readonly minor: number;
  /** The loop device that stands on it; else empty. */
  readonly holder: string;
  readonly failedStep?: string;
  readonly error?: number;
  readonly device: number;
  /** 0 for a block device. */
  readonly inode: bigint;
  /** 0 where there is none. */
  readonly diskSequence: bigint;
  readonly sizeBytes: bigint;
  readonly logicalBlockSize: number;
  readonly physicalBlockSize: number;
  readonly direct: boolean;
}

/** Which step of an engine's start failed, and the errno. */
interface NativeFailure {
  readonly step: string;
  readonly error: number;
}

/** Where memory is short a call throws ERR_OUT_OF_MEMORY and has begun nothing: see `nativeError`. */
interface Addon {
  setHandler(handler: (events: Events) => void): void;
  open(
    id: number,
    path: string,
    write: boolean,
    preferDirect: boolean,
    engine: number,
  ): NativeFailure | undefined;
  probe(engine: number): NativeFailure | undefined;
  configure(device: number, window: number): void;
  submit(
    id: number,
    device: number,
    steps: readonly unknown[],
    groupEnds: readonly number[],
    durable: boolean,
  ): Events | undefined | false;
  abort(id: number): Events | undefined;
  hold(on: boolean): void;
  allocate(id: number, device: number, bytes: number): Events | undefined;
  close(id: number, device: number): Events | undefined | false;
  usage(): NativeUsage;
}

/** What the native part holds now. All of it is zero when nothing is open, queued or in flight. */
export interface NativeUsage {
  /** Entries of the operation table: waiting, queued, in flight, or owing a completion. */
  readonly operations: number;
  readonly inFlight: number;
  /** Requests that have not settled. */
  readonly requests: number;
  /** Pages of 4 KiB that the kernel or the queue may still use. */
  readonly slabPages: number;
}

export const eventKinds = {
  settled: 1,
  settledUndrained: 2,
  drained: 3,
  opened: 4,
  closed: 5,
  allocated: 6,
} as const;

/** Gets each event of its id; returns true with the last one. */
export type EventHandler = (kind: number, payload: unknown) => boolean;

export interface Native {
  readonly addon: Addon;
  /** A number for the next request, and the handler of its events. */
  register(handler: EventHandler): number;
  forget(id: number): void;
  dispatch(events: Events | undefined): void;
}

let loaded: Native | undefined;

/** Loads the addon at the first call. @throws DmremapError ERR_ADDON_MISSING where it was not built, ERR_OUT_OF_MEMORY. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

let strays = 0;

/** Events that nobody waits for any more, or that came twice: always 0, or the native part does not keep its protocol. */
export const strayEvents = (): number => strays;

/** Tells of an event that must not be. */
export const countStray = (): void => {
  strays++;
};

/** What a call of the addon threw, as an error of ours. */
export function nativeError(thrown: unknown): unknown {
  const isMemory = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_OUT_OF_MEMORY';
  return isMemory ? new DmremapError('ERR_OUT_OF_MEMORY', undefined, { cause: thrown }) : thrown;
}

export const nativeUsage = (): NativeUsage => native().addon.usage();

function load(): Native {
  const addon = loadAddon();
  const handlers = new Map<number, EventHandler>();
  let lastId = 0;
  const dispatch = (events: Events | undefined): void => {
    for (let at = 0; events !== undefined && at < events.length; at += 3) {
      const id = events[at] as number;
      const handler = handlers.get(id);
      if (handler === undefined) countStray();
      else if (handler(events[at + 1] as number, events[at + 2])) handlers.delete(id);
    }
  };
  addon.setHandler(dispatch);
  return {
    addon,
    dispatch,
    register: (handler) => {
      do lastId = lastId >= 0xffff_ffff ? 1 : lastId + 1;
      while (handlers.has(lastId));
      handlers.set(lastId, handler);
      return lastId;
    },
    forget: (id) => {
      handlers.delete(id);
    },
  };
}

function loadAddon(): Addon {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  try {
    return bindings({ bindings: 'dmremap', module_root: root }) as Addon;
  } catch (cause) {
    const error = nativeError(cause);
    if (error !== cause) throw error;
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    const message = `the native addon cannot be loaded (\`npm run build:native\` builds it): ${why}`;
    throw new DmremapError('ERR_ADDON_MISSING', message, { cause });
  }
}
