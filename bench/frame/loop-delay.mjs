// Room: bench. How long the event loop is held up.

/**
 * Watches it with a timer of 1 ms, which is the least that it can tell. Nothing shorter keeps the loop from its rest between two events.
 * @returns `longest()`: stops, and tells the longest time between two turns of the timer, in nanoseconds.
 */
export function watchLoop() {
  let last = performance.now();
  let longest = 0;
  const turn = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(turn, 1);
  return {
    longest() {
      clearInterval(timer);
      turn();
      return longest * 1e6;
    },
  };
}
