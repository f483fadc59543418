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

/**
 * Runs `callers` at once, each of which does one operation after the other until the time is up.
 * @param operate of a caller's number: does one, and resolves when it is done.
 * @returns operations a second, processor time of this process for each, and how long they took, in nanoseconds.
 */
export async function roundOf(ms, callers, operate) {
  const latencies = [];
  const before = process.cpuUsage();
  const begun = performance.now();
  const end = begun + ms;
  const caller = async (number) => {
    for (let now = performance.now(); now < end; ) {
      await operate(number);
      const then = performance.now();
      latencies.push(then - now);
      now = then;
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  const elapsed = performance.now() - begun;
  const { user, system } = process.cpuUsage(before);
  const done = latencies.length;
  return { rate: (done * 1000) / elapsed, cpu: ((user + system) * 1000) / done, ...latenciesOf(latencies) };
}
