// Room: bench. A side of `cancel`: each round makes a device, lets writes hang on it in a process of its own (sides/cancel.mjs), aborts
// them, and lets that process leave. Whether somebody has waited for the device is told by the device, not by the clock.
import { join } from 'node:path';
import { askedProcess } from '../frame/asked-process.mjs';

const script = join(import.meta.dirname, '../sides/cancel.mjs');

/**
 * @param device one of hangingDevices().
 * @param job `operations`; `depth`: how many of them are in the kernel; `together`: whether all are aborted in one turn; `deadlineMs`;
 *   `boundMs`, after which the device answers those who may wait for it; `patienceMs`, after which it answers those who may not, so
 *   that nothing hangs for ever.
 * @param side `code`: its name in sides/cancel.mjs; `waits`: whether it settles only when the device answers; `stays`: whether its
 *   process is there until then.
 * @returns a side, as sideProcess() does.
 */
export function cancelSide(device, job, { code, waits = false, stays = false }) {
  const { operations, depth, together, boundMs, patienceMs = 10_000 } = job;
  const stuck = Math.min(operations, depth);

  /** Runs `work` in front of a device that hangs, and takes everything away. */
  async function hanging(work) {
    const disk = await device.make();
    try {
      const words = [code, JSON.stringify({ ...job, path: disk.path })];
      const child = await askedProcess(script, words, { UV_THREADPOOL_SIZE: String(depth) });
      try {
        await device.stall(disk);
        await child.ask('hang');
        await device.hanging?.(disk, stuck);
        return await work(child, disk);
      } finally {
        // A process whose writes are stuck cannot even be killed.
        await device.release(disk);
        await child.stop();
      }
    } finally {
      await disk[Symbol.asyncDispose]();
    }
  }

  /** What `promise` resolves to. The device answers after the bound; where it must not be waited for that is an error. */
  async function answered(promise, disk, mayWait, what) {
    let late;
    const timer = setTimeout(
      () => {
        late = device.release(disk);
        late.catch(() => {}); // It is told below.
      },
      mayWait ? boundMs : patienceMs,
    );
    try {
      const value = await promise;
      if (!mayWait && (late !== undefined || !(await stillHangs(disk))))
        throw new Error(`${what} waits for the device`);
      return value;
    } finally {
      clearTimeout(timer);
      await late;
    }
  }

  const stillHangs = async (disk) => device.holds === undefined || (await device.holds(disk)) === stuck;

  async function exitOf(child, disk) {
    const left = child.ask('leave');
    const gone = child.closed.then((how) => {
      const now = process.hrtime.bigint();
      if (!how.endsWith('ended with 0')) throw new Error(how);
      return now;
    });
    const { at } = await left;
    const then = await answered(gone, disk, stays || device.keepsProcesses, 'its exit');
    return { exit: Number(then - BigInt(at)) };
  }

  async function round() {
    let exit;
    const settled = await hanging(async (child, disk) => {
      await child.ask('abort', { together });
      const sample = await answered(child.ask('settled'), disk, waits, 'an abort');
      // What has waited has nothing in flight any more.
      if (!waits) exit = await exitOf(child, disk);
      return sample;
    });
    return { ...settled, ...(exit ?? (await hanging(exitOf))) };
  }

  return { warm: async () => {}, round, stop: async () => {} };
}
