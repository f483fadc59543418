// Room: bench. The process of one side: its work runs here and nothing else does, so that V8 sees one kind of object at each place
// of the code, as a program that uses it does. What one side leaves behind in caches of V8 and on the heap does not touch the others.
// argv: the module that exports `sides`, the name of the side, its parameters as JSON.
//
// A side is made by `sides[name](parameters)`:
//   pass()      one pass of the work, always the same; returns a number that follows from all of it, so that no compiler can leave
//               any of it out. Each pass must return what the first did
//   operations  how many of them a pass has
//   answer()    all that the work comes to, as text: sides that do the same work must come to the same. Not measured
// or, where it waits for something, with one function of its own:
//   measure(ms)  works for so long and resolves to a sample
import { answerSteps } from './answering.mjs';

const [module, name, parameters] = process.argv.slice(2);
const { sides } = await import(module);
const side = await sides[name](JSON.parse(parameters));

/** Of a side that measures itself. */
const waiting = ({ measure }) => ({
  async warm({ warmUpMs }) {
    await measure(warmUpMs);
    return {};
  },
  // Nothing is collected on purpose: V8 throws away code with what it was compiled for, and each round would measure its compiler.
  round: ({ roundMs }) => measure(roundMs),
});

/** Of a side that works without a pause. */
function working({ pass, operations, answer }) {
  const expected = pass();
  let passes = 1;

  /** Runs so many passes. Returns nanoseconds. */
  function run(count) {
    const begun = process.hrtime.bigint();
    for (let round = 0; round < count; round++) {
      if (pass() !== expected) throw new Error('a pass came to something else than the first');
    }
    return Number(process.hrtime.bigint() - begun);
  }

  return {
    /** Runs until V8 has compiled what is hot, and counts how many passes fill a round. */
    warm({ warmUpMs, roundMs }) {
      const end = performance.now() + warmUpMs;
      let each = run(1);
      for (let several = 1; performance.now() < end; several *= 2) each = run(several) / several;
      passes = Math.max(1, Math.round((roundMs * 1e6) / each));
      return { answer: answer() };
    },
    /** One round. What an earlier one has left is collected before; what this one leaves and V8 collects meanwhile is its own cost. */
    round() {
      globalThis.gc();
      const before = process.cpuUsage();
      const ns = run(passes);
      const { user, system } = process.cpuUsage(before);
      const done = passes * operations;
      // Of all threads of this process: V8 collects and compiles on others too.
      return { time: ns / done, cpu: ((user + system) * 1000) / done, rate: (done * 1e9) / ns };
    },
  };
}

await answerSteps(side.measure === undefined ? working(side) : waiting(side));
