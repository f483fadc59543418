// Room: bench. A process that does what it is asked, one step after the other (answering.mjs), as whoever asks sees it.
import { fork } from 'node:child_process';

/**
 * Starts it, and waits until it is ready.
 * @param settings of the environment, beside those that this process has.
 * @returns `ask(step, options)` resolves to its answer, and rejects when it ends without one; `tell` waits for none; `closed` resolves
 *   when it has gone, to how it ended; `stop()` ends it and resolves as `closed` does.
 */
export async function askedProcess(script, words, settings = {}) {
  const child = fork(script, words, {
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
    ask,
    closed,
    stop: () => {
      child.kill('SIGKILL');
      return closed;
    },
  };
}

/** Of what a process has said before it died: the error, without the places of the code around it. */
function why(said) {
  const error = said.split('\n').find((line) => /^\w*Error\b/.test(line)) ?? said.trim();
  return error === '' ? '' : `: ${error}`;
}
