// The only file that loads the .node, and the only one that knows its calling conventions (native/addon.cc).
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { DmremapError } from '../base/errors.js';
import { shared } from '../base/shared.js';
import { type EventTarget, Targets } from './completions.js';

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
  /** `done` holds `count` ids of requests that have settled, drained and succeeded; 0 stands for the next of `events`. */
  listen(handler: (count: number, events: Events | undefined) => void, done: Uint32Array): void;
  open(
    id: number,
    path: string,
    write: boolean,
    preferDirect: boolean,
    engine: number,
  ): NativeFailure | undefined;
  probe(engine: number): NativeFailure | undefined;
  configure(device: number, window: number): void;
  /** A request of one step: whether there was room. What becomes of it is told by the handler. */
  start(
    id: number,
    device: number,
    kind: number,
    offset: number,
    bytes: Uint8Array,
    durable: boolean,
  ): boolean;
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
  /** What a block device holds now; undefined where that cannot be told. Never blocks. Not for a file. */
  size(device: number): bigint | undefined;
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

export interface Native {
  readonly addon: Addon;
  /** A number for the next request, and who gets its events. */
  register(target: EventTarget): number;
  forget(id: number): void;
  dispatch(events: Events | undefined): void;
}

let loaded: Native | undefined;

/** Loads the addon at the first call. @throws DmremapError ERR_ADDON_MISSING where it was not built, ERR_OUT_OF_MEMORY. */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

/** What a call of the addon threw, as an error of ours. */
export function nativeError(thrown: unknown): unknown {
  const isMemory = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_OUT_OF_MEMORY';
  return isMemory ? new DmremapError('ERR_OUT_OF_MEMORY', undefined, { cause: thrown }) : thrown;
}

export const nativeUsage = (): NativeUsage => native().addon.usage();

/** As in native/environment.h. */
const eventsInCall = 8;

/** The addon tells what has happened to one listener alone, and a program can have loaded this file twice. */
function load(): Native {
  const addon = loadAddon();
  const { speakers } = shared();
  const known = speakers.get(addon) as Native | undefined;
  const speaker = known ?? listenTo(addon);
  speakers.set(addon, speaker);
  return speaker;
}

function listenTo(addon: Addon): Native {
  const targets = new Targets();
  const dispatch = (events: Events | undefined): void => {
    for (let at = 0; events !== undefined && at < events.length; at += 3) {
      targets.tell(events[at] as number, events[at + 1] as number, events[at + 2]);
    }
  };
  const done = new Uint32Array(eventsInCall);
  addon.listen((count, events) => {
    let next = 0;
    for (let at = 0; at < count; at++) {
      const id = done[at] as number;
      if (id !== 0) targets.tell(id, eventKinds.settled, undefined);
      else {
        const [other, kind, payload] = (events as Events).slice(next, next + 3);
        next += 3;
        targets.tell(other as number, kind as number, payload);
      }
    }
    dispatch(next === 0 ? events : events?.slice(next));
  }, done);
  return {
    addon,
    dispatch,
    register: (target) => targets.add(target),
    forget: (id) => targets.remove(id),
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
