// A child process whose calls fail to order: runner.mjs with the addon that setup builds for it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const addon =
  process.env.DMREMAP_FAULTY_ADDON ??
  join(root, 'node_modules/.cache/dmremap/faulty-addon/build/Release/dmremap.node');

/** Why it cannot be had here; undefined where it can. CI must not skip, so there it throws. */
export function whyNoFaults(): string | undefined {
  const reason = existsSync(addon) ? undefined : 'the faulty addon is not built: npm run setup:test';
  if (reason !== undefined && process.env.CI) throw new Error(reason);
  return reason;
}

export interface Case {
  readonly pattern: 'inProcess' | 'inWorker';
  readonly engine: string;
  readonly paths: readonly string[];
  /** The worker is terminated with its devices open and writes in flight. */
  readonly leave?: boolean;
  /** The nth of these calls fails with this errno. */
  readonly call?: string;
  readonly nth?: number;
  readonly errno?: number;
}

export interface Said {
  readonly what: string;
  /** `success`, or the error's. */
  readonly code: string;
  readonly errno?: string;
  readonly message?: string;
}

export interface Report {
  readonly said: readonly Said[];
  /** Whether the call was made, and so has failed. */
  readonly failed: boolean;
  /** What must not be: contradictions with the media, leaks, what does not work afterwards. */
  readonly wrong: readonly string[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Of fork(): the library gets that addon. */
export const faultyOptions = {
  execArgv: ['--require', join(import.meta.dirname, 'faulty-addon.cjs')],
  env: { ...process.env, DMREMAP_FAULTY_ADDON: addon },
};

export class FaultyProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  #stderr = '';

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'runner.mjs'), [join(root, 'dist')], {
      ...faultyOptions,
      stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.#stderr += text;
    });
  }

  /** Rejects where the process dies of it. */
  async run(tried: Case): Promise<Report> {
    const died = new AbortController();
    const onExit = (code: number | null, signal: string | null) =>
      died.abort(new Error(`it has ended with ${signal ?? code}: ${this.#stderr}`));
    this.#child.once('exit', onExit);
    try {
      const answer = once(this.#child, 'message', { signal: died.signal });
      this.#child.send(tried);
      const [report] = await answer;
      return report as Report;
    } catch (error) {
      throw died.signal.aborted ? died.signal.reason : error;
    } finally {
      this.#child.off('exit', onExit);
    }
  }

  /** How many threads of ours do not end, with nothing left to do. */
  async threadsLeft(): Promise<number> {
    const answer = once(this.#child, 'message');
    this.#child.send({ pattern: 'rest' });
    const [{ threadsLeft }] = await answer;
    return threadsLeft;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}
