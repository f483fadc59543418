// Which threads of a process the kernel does not let go: in uninterruptible sleep, where no signal reaches them.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The names of the threads of a process that are in uninterruptible sleep (D) now; undefined where it is gone. */
export function stuckThreads(pid: number): readonly string[] | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      // proc(5): number, (name), state. A name may hold anything.
      const [, name, state] = /^\d+ \((.*)\) (\w) /s.exec(maybeStat(pid, thread)) ?? [];
      return name !== undefined && state === 'D' ? [name] : [];
    });
  } catch {
    return undefined;
  }
}

function maybeStat(pid: number, thread: string): string {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
  } catch {
    return ''; // It has ended meanwhile.
  }
}

/**
 * Resolves when at least so many threads of a process are in uninterruptible sleep, to their names. The kernel tells of
 * none, so this looks again and again; it looks twice, as a thread may be there for a moment on its way.
 */
export async function whenStuck(count: number, pid: number = process.pid): Promise<readonly string[]> {
  for (let seen = 0; ; ) {
    const threads = stuckThreads(pid);
    if (threads === undefined) throw new Error(`there is no process ${pid}`);
    seen = threads.length >= count ? seen + 1 : 0;
    if (seen === 2) return threads;
    await sleep(2);
  }
}
