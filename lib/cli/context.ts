// Room: cli. Everything that a command may know of the world around it. Only main.ts makes one from the process; tests
// make their own, so every command runs in their process too.
import type { UnixSeconds } from '../base/units.js';
import type { Device, DeviceInfo } from '../device/device.js';
import type { OpenDeviceOptions } from '../device/native-device.js';
import type { InUse } from '../device/use.js';
import type { Progress } from './print/progress.js';
import type { Sink } from './print/sink.js';
import type { Probe } from './spare/blkid.js';

export interface Context {
  /** The arguments behind the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths are relative to. */
  readonly cwd: string;
  /** What is read from where `-` stands for a file. Not touched before it is asked for. */
  readonly stdin: () => AsyncIterable<Uint8Array>;
  /** What people and scripts asked for. */
  readonly stdout: Sink;
  /** Progress and diagnostics. */
  readonly stderr: Sink;
  /** The host's clock. */
  readonly now: () => UnixSeconds;
  /** A clock that nobody sets, for deadlines. */
  readonly monotonicMs: () => number;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  readonly openDevice: (path: string, options: OpenDeviceOptions) => Promise<Device>;
  /** Who uses a device that is only read. Default: what this host tells. */
  readonly inUse?: ((info: DeviceInfo, signal: AbortSignal) => Promise<InUse>) | undefined;
  /** How long a failed commit waits for its writes in flight, to tell how they ended. */
  readonly drainWaitMs: number;
  /**
   * Shows a question and reads the line that is typed, without its end; undefined where nothing more comes. Rejects with
   * ABORT_ERR where `signal` is aborted. Missing where nobody can be asked: stdin or stderr is no terminal.
   */
  readonly ask?: ((question: string, signal: AbortSignal) => Promise<string | undefined>) | undefined;
  /** What another program takes a path for. Missing where none is to be asked. */
  readonly probe?: Probe | undefined;
  /** How far the command is. Made by run(), for commands that tell. */
  readonly progress?: Progress | undefined;
}
