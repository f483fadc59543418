// Room: bench. The sides of a group, in turns: A B A B. Only one of them runs at a time.

/**
 * Measures a group.
 * @param group `sides`: each with a `name`, and `start(length)` that resolves to `warm`, `round` and `stop`; `alike`: whether they do
 *   the same work, and must come to the same answer; `rounds`: which of the numbers of rounds in `length`.
 * @param length how long it may take: `rounds`, or `starts` where a round is a start, and what a side makes of the rest.
 * @param signal ends it between two turns.
 * @returns the samples of each side, by round, in the order of the sides.
 * @throws Error where a side cannot be measured, or comes to another answer than the first.
 */
export async function measureGroup({ sides, alike = false, rounds: kind = 'rounds' }, length, signal) {
  const started = await Promise.allSettled(sides.map(({ start }) => start(length)));
  try {
    const running = started.map(({ value, reason }, at) => {
      if (value === undefined) throw ofSide(sides[at], reason);
      return value;
    });
    const inTurn = async (work) => {
      const results = [];
      for (const [at, side] of running.entries()) {
        signal?.throwIfAborted();
        results.push(
          await work(side).catch((error) => {
            throw ofSide(sides[at], error);
          }),
        );
      }
      return results;
    };
    const answers = await inTurn((side) => side.warm());
    const other = alike ? answers.findIndex((answer) => answer !== answers[0]) : -1;
    if (other > 0) throw ofSide(sides[other], new Error(`its answer is not that of ${sides[0].name}`));
    const rounds = [];
    for (let round = 0; round < length[kind]; round++) rounds.push(await inTurn((side) => side.round()));
    return sides.map((_, at) => rounds.map((samples) => samples[at]));
  } finally {
    await Promise.all(started.map(({ value }) => value?.stop()));
  }
}

const ofSide = ({ name }, cause) => new Error(`${name}: ${cause.message}`, { cause });
