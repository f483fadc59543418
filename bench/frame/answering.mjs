// Room: bench. The process that is asked (asked-process.mjs): one step at a time, each answered with what it resolves to.
import { once } from 'node:events';

// Nobody is left to ask.
process.once('disconnect', () => process.exit());

/** @param steps by name, each a function of the options that were sent with it. Never returns. */
export async function answerSteps(steps) {
  process.send({ ready: true });
  for (;;) {
    const [{ step, options }] = await once(process, 'message');
    process.send(await steps[step](options));
  }
}
