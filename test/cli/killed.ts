// A real process that is killed at each of its writes in turn.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ended, start } from './harness.js';

const diesFile = new URL('dies-at-write.mjs', import.meta.url).href;

/**
 * Runs a command again and again, killed after 0, 1, 2, ... groups of writes, until it comes to its end. What it saves goes
 * to a folder of its own each time (`backupsIn(folder, state)`).
 */
export async function* killedAtEachWrite(
  { folder, spare }: { readonly folder: string; readonly spare: string },
  argv: readonly string[],
  prepare: () => void,
) {
  for (let groups = 0; ; groups++) {
    prepare();
    const state = join(folder, `state-${groups}`);
    const ran = await ended(
      start(folder, argv, {
        env: {
          PATH: process.env.PATH,
          XDG_STATE_HOME: state,
          DIES_AFTER: `${groups}`,
          NODE_OPTIONS: `--import ${diesFile}`,
        },
      }),
    );
    if (ran.signal !== 'SIGKILL') {
      expect([0, 1, 4]).toContain(ran.status);
      expect(groups).toBeGreaterThan(2);
      return;
    }
    //  The kernel takes its ring apart in its own time, and keeps the lock until then: flock(1) waits for it.
    execFileSync('flock', [spare, 'true']);
    yield { groups, state };
  }
}
