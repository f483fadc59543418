// One helper process of a fixture. It runs in a session of its own and lives as long as this process keeps its input open:
// it cleans up when that ends, however that ends. Commands are answered in order; events come in between. Whoever waits,
// waits for events, and gets an error instead of them when the helper is gone.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Where the helpers are, see scripts/lib/stuck-build.mjs. The environment can name another place. */
export const helperPath = (program: string): string =>
  join(process.env.DMREMAP_STUCK ?? join(root, 'node_modules/.cache/dmremap/stuck-devices'), program);

/** A path that nothing is at. The helper makes the folder, and removes it also where this process cannot any more. */
export const newMountpoint = (): string => join(tmpdir(), `dmremap-stuck-${randomUUID()}`);

/** What is not seen within this time does not come: a test that waits for it fails, and says what it has seen. */
const patienceMs = 20_000;

interface Waiter {
  check(): boolean;
  reject(error: Error): void;
}

// Node joins its thread pool when it exits. With a thread of it in one of our operations it would wait for us, and we for
// it: so the inputs end first.
const inputs = new Set<Writable>();
process.on('exit', () => {
  for (const input of inputs) input.destroy();
});

export class Helper {
  readonly pid: number;
  /** Every event so far, split into words. */
  readonly events: (readonly string[])[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #name: string;
  readonly #answers: ((error: string | undefined) => void)[] = [];
  readonly #waiters = new Set<Waiter>();
  readonly #ended: Promise<void>;
  #gone: string | undefined;
  #stderr = '';

  /** Starts it and waits until it is ready. `onEvent` sees each event before those who wait for it. */
  static async start(
    program: string,
    words: readonly string[],
    onEvent: (words: readonly string[]) => void = () => {},
  ): Promise<Helper> {
    const helper = new Helper(program, words, onEvent);
    try {
      await helper.until(() => (helper.events.some(([event]) => event === 'ready') ? true : undefined));
      return helper;
    } catch (error) {
      await helper.stop().catch(() => {});
      throw error;
    }
  }

  private constructor(
    program: string,
    words: readonly string[],
    onEvent: (words: readonly string[]) => void,
  ) {
    this.#name = program;
    const owned = ['--owner', String(process.pid), ...words];
    this.#child = spawn(helperPath(program), owned, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    this.pid = this.#child.pid ?? 0;
    inputs.add(this.#child.stdin);
    this.#child.stdin.on('error', () => {}); // It is gone, and those who wait are told so.
    this.#child.stderr.on('data', (part) => {
      this.#stderr += part;
    });
    createInterface(this.#child.stdout).on('line', (line) => this.#take(line, onEvent));
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        inputs.delete(this.#child.stdin);
        this.#gone ??= `${this.#name} ${reason}${this.#stderr === '' ? '' : `: ${this.#stderr.trim()}`}`;
        for (const answer of this.#answers.splice(0)) answer(this.#gone);
        for (const { reject } of this.#waiters) reject(new Error(this.#gone));
        resolve();
      };
      this.#child.on('error', ({ message }) =>
        end(`did not start (npm run setup:test builds it): ${message}`),
      );
      // Not `exit`: its second process has our output too, and that ends when everything is undone.
      this.#child.on('close', (status, signal) => end(`ended with ${signal ?? status}`));
    });
  }

  #take(line: string, onEvent: (words: readonly string[]) => void): void {
    if (line === 'ok') this.#answers.shift()?.(undefined);
    else if (line.startsWith('error ')) this.#answers.shift()?.(line.slice('error '.length));
    else {
      const words = line.split(' ');
      this.events.push(words);
      onEvent(words);
      for (const waiter of this.#waiters) waiter.check();
    }
  }

  /** Resolves when the helper has done it. Rejects with its words where it refuses. */
  command(line: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) return reject(new Error(this.#gone));
      this.#answers.push((error) =>
        error === undefined ? resolve() : reject(new Error(`${line}: ${error}`)),
      );
      this.#child.stdin.write(`${line}\n`);
    });
  }

  /** What `look` finds, now or after some event to come. */
  until<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seen = this.events.slice(-20).map((words) => words.join(' '));
        end(reject, new Error(`this did not come; the last events of ${this.#name}: ${seen.join('; ')}`));
      }, patienceMs);
      const end = <V>(settle: (value: V) => void, value: V) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        settle(value);
      };
      const waiter: Waiter = {
        check: () => {
          const found = look();
          if (found !== undefined) end(resolve, found);
          return found !== undefined;
        },
        reject: (error) => end(reject, error),
      };
      this.#waiters.add(waiter);
      if (!waiter.check() && this.#gone !== undefined) waiter.reject(new Error(this.#gone));
    });
  }

  /** Ends it, and resolves when it has cleaned up. Rejects where it could not, with its words. */
  async stop(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
    const { exitCode } = this.#child;
    if (exitCode !== 0) throw new Error(this.#gone);
  }
}
