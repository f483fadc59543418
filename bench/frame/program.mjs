// Room: bench. A side that is a whole program: each round starts it, and waits until it has gone (timed.py).
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * @param words the program and its arguments. It must end with exit status 0: a start that fails is often a short one.
 * @returns a side, as sideProcess() does.
 */
export function program(words, { warmUpStarts }) {
  async function once() {
    // No settings of whoever runs us: NODE_EXTRA_CA_CERTS alone can double the time of `node -e 0`, and hide what comes on top.
    const { PATH, DMREMAP_ENGINE } = process.env;
    const env = { PATH, ...(DMREMAP_ENGINE === undefined ? {} : { DMREMAP_ENGINE }) };
    const { stdout } = await run('python3', [join(import.meta.dirname, 'timed.py'), ...words], { env });
    const { status, stderr, ...sample } = JSON.parse(stdout);
    if (status !== 0) throw new Error(`it ended with ${status}: ${stderr.trim().split('\n')[0]}`);
    return sample;
  }
  return {
    // Until what it reads is in the page cache.
    async warm() {
      for (let start = 0; start < warmUpStarts; start++) await once();
    },
    round: once,
    stop: async () => {},
  };
}
