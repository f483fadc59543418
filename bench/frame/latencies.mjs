// Room: bench. What a round of operations that wait comes to. The same for all that run in JavaScript.

/** Of latencies in milliseconds, in any order, one or more. */
export function latenciesOf(milliseconds) {
  const sorted = Float64Array.from(milliseconds).sort();
  const ns = (at) => sorted[at] * 1e6;
  return {
    p50: ns(Math.floor((sorted.length - 1) / 2)),
    p99: ns(Math.floor((sorted.length - 1) * 0.99)),
    slowest: ns(sorted.length - 1),
  };
}

/** A round that is measured in stretches. What lies between them, a new table say, is in no figure. */
export class Stretches {
  #latencies = [];
  #elapsedMs = 0;
  #cpuUs = 0;

  get elapsedMs() {
    return this.#elapsedMs;
  }

  /** Operations so far. */
  get done() {
    return this.#latencies.length;
  }

  /**
   * One stretch: `callers` at once, each of which does one operation after the other, and one at least.
   * @param operate of a caller's number: does one, and resolves when it is done.
   * @param goesOn of the milliseconds measured so far: whether a caller does another one.
   */
  async run(callers, operate, goesOn) {
    const before = process.cpuUsage();
    const begun = performance.now();
    const passed = begun - this.#elapsedMs;
    const caller = async (number) => {
      let now = performance.now();
      do {
        await operate(number);
        const then = performance.now();
        this.#latencies.push(then - now);
        now = then;
      } while (goesOn(now - passed));
    };
    await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
    this.#elapsedMs = performance.now() - passed;
    const { user, system } = process.cpuUsage(before);
    this.#cpuUs += user + system;
  }

  /** Operations a second, processor time of this process for each, and how long they took, in nanoseconds. */
  sample() {
    const { done } = this;
    return {
      rate: (done * 1000) / this.#elapsedMs,
      cpu: (this.#cpuUs * 1000) / done,
      ...latenciesOf(this.#latencies),
    };
  }
}

/** A round of one stretch: `callers` at once, until the time is up. @returns its sample. */
export async function roundOf(ms, callers, operate) {
  const stretches = new Stretches();
  await stretches.run(callers, operate, (elapsedMs) => elapsedMs < ms);
  return stretches.sample();
}

/** The same after as long a time that is in no figure: what was opened anew is known to V8 by then, and to the device. */
export async function settledRound(ms, callers, operate) {
  await roundOf(ms, callers, operate);
  return roundOf(ms, callers, operate);
}
