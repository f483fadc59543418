// Room: bench. A side in a process of its own (side.mjs), as the rounds see it.
import { fork } from 'node:child_process';
import { join } from 'node:path';

/**
 * Starts the process of a side.
 * @param module URL of a module that exports `sides`. @param parameters as JSON can hold them.
 * @param settings of the environment, beside those that this process has.
 * @returns a side: `warm()` resolves to its answer, `round()` to a sample, `stop()` when it has gone.
 */
export async function sideProcess(module, name, parameters, { warmUpMs, roundMs }, settings = {}) {
  const words = [module, name, JSON.stringify(parameters)];
  const child = fork(join(import.meta.dirname, 'side.mjs'), words, {
    execArgv: ['--expose-gc'],
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  const closed = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) =>
      resolve(`its process ended with ${signal ?? status}${why(said)}`),
    );
  });
  const next = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve);
      closed.then((how) => reject(new Error(how)));
    });
  const ask = (step, options) => {
    const answer = next();
    // Where it cannot be sent the process has gone, and `closed` says how.
    child.send({ step, options }, () => {});
    return answer;
  };
  await next();
  return {
    warm: async () => (await ask('warm', { warmUpMs, roundMs })).answer,
    round: () => ask('round', { warmUpMs, roundMs }),
    stop: () => {
      child.kill();
      return closed;
    },
  };
}

/** Of what a process has said before it died: the error, without the places of the code around it. */
function why(said) {
  const error = said.split('\n').find((line) => /^\w*Error\b/.test(line)) ?? said.trim();
  return error === '' ? '' : `: ${error}`;
}
