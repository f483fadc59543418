// Room: store. Who has the turn: what writes the copies and what reads all of them never run beside each other. First come,
// first served; whoever comes while nobody has the turn begins before the call returns.
import { abortRequestOf, linkSignals, neverStarted } from '../../base/cancellable.js';

/** Something that waits for its turn. */
export interface Turn {
  /** Its turn has come. The turn ends when the promise settles, either way. */
  start(): Promise<unknown>;
  /** Called when the turn has ended and the next one has begun, so that nobody who hears of it finds a gap between. */
  ended?(): void;
}

export class Turns {
  /** The first one is running. */
  readonly #turns: Turn[] = [];
  #idle: (() => void)[] = [];

  take(turn: Turn): void {
    this.#turns.push(turn);
    if (this.#turns.length === 1) this.#start(turn);
  }

  /** Gives up a turn that has not begun. */
  withdraw(turn: Turn): void {
    this.#turns.splice(this.#turns.indexOf(turn), 1);
  }

  /**
   * One turn for `work`, which is told of the first abort among `signals`. Such an abort while it waits rejects at once, as
   * what was never started.
   */
  async during<T>(signals: readonly AbortSignal[], work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, unlink } = linkSignals(...signals);
    try {
      return await new Promise<T>((resolve, reject) => {
        const leave = () => {
          this.withdraw(turn);
          reject(neverStarted(abortRequestOf(signal)));
        };
        const turn: Turn = {
          start: () => {
            signal.removeEventListener('abort', leave);
            const working = work(signal);
            working.then(resolve, reject);
            return working;
          },
        };
        if (signal.aborted) throw neverStarted(abortRequestOf(signal));
        signal.addEventListener('abort', leave, { once: true });
        this.take(turn);
      });
    } finally {
      unlink();
    }
  }

  /** Resolves when nobody has the turn or waits for it. */
  whenIdle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#turns.length === 0) resolve();
      else this.#idle.push(resolve);
    });
  }

  #start(turn: Turn): void {
    const end = () => {
      this.#turns.shift();
      const next = this.#turns[0];
      if (next !== undefined) this.#start(next);
      turn.ended?.();
      // A turn of the loop later: whoever closes the store comes after those whose commit that has ended.
      if (next === undefined) for (const idle of this.#idle.splice(0)) setImmediate(idle);
    };
    turn.start().then(end, end);
  }
}
