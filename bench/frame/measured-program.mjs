// Room: bench. A side that is a program which measures itself: each round is a run of it, and its start is in no figure.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { benchFolder } from '../../scripts/lib/bench-build.mjs';
import { root } from '../../scripts/lib/native-build.mjs';

const run = promisify(execFile);

/** Where a program of bench/native is. @throws Error where it was not built. */
export function nativeProgram(name) {
  const path = join(root, benchFolder, name);
  if (existsSync(path)) return path;
  throw new Error(`bench/native/${name} is not built: node scripts/setup.mjs --bench`);
}

/**
 * @param wordsFor of a time in milliseconds: the program and its arguments. @param sampleOf of what it prints: the sample.
 * @returns a side, as sideProcess() does.
 */
export function measuredProgram(wordsFor, { warmUpMs, roundMs }, sampleOf = JSON.parse) {
  const once = async (ms) => {
    const [program, ...words] = wordsFor(ms);
    try {
      const { stdout } = await run(program, words);
      return sampleOf(stdout);
    } catch (error) {
      throw new Error(`${basename(program)}: ${String(error.stderr ?? '').trim() || error.message}`);
    }
  };
  return {
    async warm() {
      await once(warmUpMs);
    },
    round: () => once(roundMs),
    stop: async () => {},
  };
}
