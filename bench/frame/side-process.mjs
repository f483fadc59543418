// Room: bench. A side in a process of its own (side.mjs), as the rounds see it.
import { join } from 'node:path';
import { askedProcess } from './asked-process.mjs';

/**
 * Starts the process of a side.
 * @param module URL of a module that exports `sides`. @param parameters as JSON can hold them.
 * @param settings of the environment, beside those that this process has.
 * @returns a side: `warm()` resolves to its answer, `round()` to a sample, `stop()` when it has gone.
 */
export async function sideProcess(module, name, parameters, { warmUpMs, roundMs }, settings) {
  const words = [module, name, JSON.stringify(parameters)];
  const { ask, stop } = await askedProcess(join(import.meta.dirname, 'side.mjs'), words, settings);
  return {
    warm: async () => (await ask('warm', { warmUpMs, roundMs })).answer,
    round: () => ask('round', { warmUpMs, roundMs }),
    stop,
  };
}
