// One process with one write, which may hang for good as far as we know: nothing here waits for it without a bound.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Helper } from '../stuck/helper.js';
import { NotHere, type Place } from './places.js';

/** What has not come by then does not come before the release. Far more than what does come needs. */
export const boundMs = 1500;
/** What has not come so long after the release never comes. */
export const patienceMs = 10_000;

/** What `promise` resolves to, or undefined after so long. */
export function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export class Probe {
  readonly #helper: Helper;
  readonly #seen: Map<string, string>;
  readonly #waiting: Map<string, () => void>;
  #end: Promise<number> | undefined;

  private constructor(helper: Helper, seen: Map<string, string>, waiting: Map<string, () => void>) {
    this.#helper = helper;
    this.#seen = seen;
    this.#waiting = waiting;
  }

  static async start(program: string, words: readonly string[]): Promise<Probe> {
    const seen = new Map<string, string>();
    const waiting = new Map<string, () => void>();
    const take = ([event = '', result = '']: readonly string[]) => {
      seen.set(event, result);
      waiting.get(event)?.();
    };
    try {
      return new Probe(await Helper.start(program, words, take), seen, waiting);
    } catch (error) {
      throw new NotHere((error as Error).message);
    }
  }

  get pid(): number {
    return this.#helper.pid;
  }

  /** Not awaited: the command may be what hangs. What becomes of it, its events tell. */
  order(command: string): void {
    this.#helper.command(command).catch(() => {});
  }

  /** The result that came with an event, now or within `ms`; undefined where it did not come. */
  async event(name: string, ms = boundMs): Promise<string | undefined> {
    if (!this.#seen.has(name)) {
      await within(ms, new Promise<void>((resolve) => this.#waiting.set(name, resolve)));
    }
    return this.#seen.get(name);
  }

  /** The same for what has to come. */
  async must(name: string): Promise<string> {
    const result = await this.event(name, patienceMs);
    if (result === undefined) throw new Error(`the probe does not say ${name}`);
    return result;
  }

  kill(): void {
    process.kill(this.pid, 'SIGKILL');
  }

  /** Tells it to leave (a signal may have told it before). Resolves when the kernel has let it go, to when that was. */
  end(): Promise<number> {
    this.#end ??= this.#helper
      .stop()
      .catch(() => {})
      .then(() => performance.now());
    return this.#end;
  }

  /** The version of the liburing that it runs with. */
  get liburing(): string {
    const maps = readFileSync(`/proc/${this.pid}/maps`, 'utf8');
    return /\/liburing\.so\.([\d.]+)/.exec(maps)?.[1] ?? 'unknown';
  }
}

/** Resolves when the operation of a probe is held by a place; there it has to arrive. */
export async function hold(place: Place, probe: Probe): Promise<void> {
  const held = place.held(probe.pid).then(() => true);
  if ((await within(patienceMs, held)) === undefined) throw new Error('it is not held');
}
