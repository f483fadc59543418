// Which threads of a process the kernel does not let go: in uninterruptible sleep, where no signal reaches them; and in
// which of its functions they wait.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** proc(5): number, (name), state. A name may hold anything. */
const statPattern = /^\d+ \((.*)\) (\w) /s;
const statOf = (pid: number, thread: string) =>
  statPattern.exec(maybeRead(`/proc/${pid}/task/${thread}/stat`)) ?? [];
const stateOf = (pid: number, thread: string): string | undefined => statOf(pid, thread)[2];

/** The names of the threads of a process that are in uninterruptible sleep (D) now; undefined where it is gone. */
export function stuckThreads(pid: number): readonly string[] | undefined {
  const threads = threadsOf(pid);
  if (threads.length === 0) return undefined;
  return threads.flatMap((thread) => {
    const [, name, state] = statOf(pid, thread);
    return name !== undefined && state === 'D' ? [name] : [];
  });
}

function maybeRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
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

/**
 * Resolves when a thread of a process, or the one that is named, waits in a function of the kernel: to true, or to false
 * where it has gone. Root alone may look. `do_exit` is where a process that cannot finish dying waits.
 */
export async function whenWaitsIn(kernelFunction: string, pid: number, thread?: number): Promise<boolean> {
  for (let seen = 0; ; ) {
    const threads = threadsOf(pid).filter((one) => thread === undefined || Number(one) === thread);
    if (threads.length === 0) return false;
    const waits = threads.some((one) => maybeRead(`/proc/${pid}/task/${one}/stack`).includes(kernelFunction));
    seen = waits ? seen + 1 : 0;
    if (seen === 2) return true;
    await sleep(2);
  }
}

/**
 * Resolves when a process is on its way out and the kernel keeps it: to true, or to false where it has gone. One of its
 * threads waits in do_exit(), or one that no signal reaches is all that is left of it.
 */
export async function whenKept(pid: number): Promise<boolean> {
  for (let seen = 0; ; ) {
    const threads = threadsOf(pid);
    if (threads.length === 0) return false;
    const states = threads.map((one) => stateOf(pid, one));
    const stacks = threads.map((one) => maybeRead(`/proc/${pid}/task/${one}/stack`));
    const last = states.includes('D') && stateOf(pid, String(pid)) === 'Z';
    seen = last || stacks.some((stack) => stack.includes('do_exit')) ? seen + 1 : 0;
    if (seen === 2) return true;
    await sleep(2);
  }
}

function threadsOf(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
