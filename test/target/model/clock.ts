// Timers that run only when told to: which deadline passes before what is decided by a history, never by the machine.

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class Clock {
  readonly #timers = new Map<object, Timer>();
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  #now = 0;

  /** Takes the place of `setTimeout` and `clearTimeout`, until `restore()`. */
  constructor() {
    const setTimer = (run: () => void, ms = 0) => {
      const timer = {};
      this.#timers.set(timer, { at: this.#now + ms, run });
      return timer;
    };
    Object.assign(globalThis, {
      setTimeout: setTimer,
      clearTimeout: (timer: object) => this.#timers.delete(timer),
    });
  }

  restore(): void {
    Object.assign(globalThis, this.#real);
  }

  /** Timers that are set. */
  get size(): number {
    return this.#timers.size;
  }

  /** Lets time pass. What comes due runs in the order of its time, then in that of its call. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let next: [object, Timer] | undefined;
      for (const entry of this.#timers) if (next === undefined || entry[1].at < next[1].at) next = entry;
      if (next === undefined || next[1].at > until) break;
      this.#timers.delete(next[0]);
      this.#now = next[1].at;
      next[1].run();
    }
    this.#now = until;
  }
}

/** Turns of the event loop: devices in memory complete one operation, or one group, in each. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}
