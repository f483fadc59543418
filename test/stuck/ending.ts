// A process that is taken to a step in the life of its writes (test/fixtures/ender.mjs), then told to end; and what its
// end was. Every wait is for a message of the child or for its end: what does not come ends in the test's time limit.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { EngineName } from '../../lib/device/engines.js';

export const ends = [
  'terminate',
  'exit',
  'natural',
  'SIGTERM',
  'handler',
  'SIGKILL',
  'throw',
  'reject',
] as const;
export type End = (typeof ends)[number];

/** `stderr` is all of it, but for an error that the process was to die of: there it is what `says` matches in it. */
const endings: Record<End, { status: number | null; signal: string | null; says?: RegExp }> = {
  terminate: { status: 4, signal: null },
  exit: { status: 3, signal: null },
  natural: { status: 0, signal: null },
  SIGTERM: { status: null, signal: 'SIGTERM' },
  handler: { status: 5, signal: null },
  SIGKILL: { status: null, signal: 'SIGKILL' },
  throw: { status: 1, signal: null, says: /on purpose/ },
  reject: { status: 1, signal: null, says: /on purpose/ },
};

/** The writes of a step are of 4 KiB each, 8 KiB apart from 0 on. */
export type Step =
  | 'opening' // Ends in the turn in which it has called openDevice().
  | 'openingStuck' // open(2) itself hangs.
  | 'open' // Nothing is in flight.
  | 'queued' // One is in flight, the others wait in our queue.
  | 'flight'
  | 'canceling' // Ends in the turn in which it has aborted them.
  | 'givenUp' // Aborted, and settled as unknown.
  | 'asked' // The same, and somebody has asked for `drained`.
  | 'closing' // Within the grace of close().
  | 'left' // Closed, with `leftInFlight`.
  | 'flush'; // A flush is in flight; ends in the turn in which it has aborted it.

export interface EndingOptions {
  readonly path: string;
  readonly step: Step;
  readonly end: End;
  readonly writes: number;
  /** What they consist of. */
  readonly fill: number;
  /** Default: what `auto` takes. */
  readonly engine?: EngineName;
  /** Whether the device tells when it holds a write (default). Where not, a read behind them shows that they are handed over. */
  readonly tells?: boolean;
}

export interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
  /** Empty where all is well. */
  readonly stderr: string;
  readonly stdout: string;
  /** From the order to end to the end. */
  readonly tookMs: number;
  /** Whether it is still in the process table. */
  readonly zombie: boolean;
}

const script = join(import.meta.dirname, '../fixtures/ender.mjs');
const library = join(import.meta.dirname, '../../dist');

export class EndingProcess implements AsyncDisposable {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #end: End;
  readonly #exit: Promise<{ status: number | null; signal: string | null; atMs: number }>;
  readonly #stdout: Promise<string>;
  readonly #stderr: Promise<string>;
  readonly #terminated: Promise<void>;
  #toldMs = 0;

  /** Starts it, and resolves when it is about to do what its step needs: the device may be stalled now. */
  static async start(options: EndingOptions): Promise<EndingProcess> {
    const started = new EndingProcess(options);
    await started.#says('ready');
    return started;
  }

  private constructor({ path, step, end, writes, fill, engine, tells = true }: EndingOptions) {
    const words = [library, path, step, end, String(writes), String(fill), tells ? 'tells' : 'silent'];
    const env = { ...process.env, ...(engine === undefined ? {} : { DMREMAP_ENGINE: engine }) };
    const child = fork(script, words, { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] });
    if (child.stdout === null || child.stderr === null) throw new Error('no output');
    this.#child = child;
    this.#end = end;
    this.pid = child.pid ?? 0;
    this.#stdout = text(child.stdout);
    this.#stderr = text(child.stderr);
    this.#exit = once(child, 'exit').then(([status, signal]) => ({
      status,
      signal,
      atMs: performance.now(),
    }));
    this.#terminated = this.#message('terminated');
  }

  /** Resolves when it has said so; rejects with its last words where it ends instead. */
  async #says(what: string): Promise<void> {
    const ended = this.#exit.then(async ({ status, signal }) => {
      throw new Error(`it ended (${signal ?? status}) before '${what}': ${await this.#stderr}`);
    });
    await Promise.race([ended, this.#message(what)]);
  }

  #message(what: string): Promise<void> {
    return new Promise((resolve) => {
      const take = (message: unknown) => {
        if (message !== what) return;
        this.#child.off('message', take);
        resolve();
      };
      this.#child.on('message', take);
    });
  }

  #tell(what: string): void {
    this.#child.send(what);
  }

  /** Goes to its step; `held` resolves when its writes are where only the device can end them. */
  async go(held: () => Promise<unknown>): Promise<void> {
    const issued = this.#says('issued');
    this.#tell('go');
    await issued;
    await held();
    const there = this.#says('there');
    this.#tell('held');
    await there;
  }

  /** Tells it to end. Does not wait for that. */
  end(): void {
    this.#toldMs = performance.now();
    this.#tell('end');
  }

  /** Resolves when it has taken the order: it talks to nobody any more. For an end by itself. */
  async endedTalking(): Promise<void> {
    const disconnected = once(this.#child, 'disconnect');
    this.end();
    await disconnected;
  }

  /** Resolves when it has terminated its worker, and so lives on for now. For the end `terminate`. */
  terminated(): Promise<void> {
    return this.#terminated;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when it has ended, to how. */
  async ended(): Promise<Ending> {
    const { status, signal, atMs } = await this.#exit;
    const zombie = existsSync(`/proc/${this.pid}`);
    const [stdout, said] = await Promise.all([this.#stdout, this.#stderr]);
    const { says } = endings[this.#end];
    const expected = says?.test(said) === true && !alarm.test(said);
    return { status, signal, stdout, stderr: expected ? '' : said, tookMs: atMs - this.#toldMs, zombie };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

const alarm = /FATAL|Fatal|Assertion|Check failed|core dumped|Segmentation|Sanitizer|terminate called/;

/** What `ended()` gives where everything is as it should be. */
export function asItShould(end: End) {
  const { status, signal } = endings[end];
  return { status, signal, stderr: '', zombie: false };
}
