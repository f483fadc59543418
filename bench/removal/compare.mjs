// One of the three options, on a loop device with 1,000 writes that hang: how long a removal takes, what it leaves behind, whether its
// process can leave, and what lands on the data of a successor.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openDevice } from '../../dist/index.js';
import { inTime, using, whenFree } from './waits.mjs';

const root = join(import.meta.dirname, '../..');
const operations = 1000;
/** Of them in the kernel, with each option. */
const depth = 64;
const sizeBytes = 8 * 1024 * 1024;
/** How long option 1 waits, and after how long option 3 forces: what a removal may reasonably take. */
export const boundMs = 1000;

export const options = {
  leak: '1 blocking, leaks',
  cancel: '2 asynchronous, cancels',
  force: '3 blocking, forces',
};

const young = new Uint8Array(operations * 4096).fill(2);

async function successorWrites(device) {
  for (let at = 0; at < young.length; at += 65_536)
    await device.write(BigInt(at), young.subarray(at, at + 65_536), { durable: false });
}

const ghostsOn = (medium) => {
  const blocks = Array.from({ length: operations }, (_, index) =>
    medium.subarray(index * 4096, index * 4096 + 4096),
  );
  return blocks.filter((block) => block.some((byte) => byte !== 2)).length;
};

/** One removal. `spare` is the path of an empty file, for ours. */
export const removeOnce = ({ stuckLoop }, option, spare) =>
  using([() => stuckLoop({ sizeBytes })], (disk) => remove(disk, option, spare));

async function remove(disk, option, spare) {
  const words = [join(root, 'dist'), option, disk.path, spare, String(operations), String(boundMs)];
  const env = { ...process.env, UV_THREADPOOL_SIZE: String(depth) };
  const child = fork(join(import.meta.dirname, 'subject.mjs'), words, { env, execArgv: [] });
  const exit = once(child, 'exit');
  const hears = async () => {
    const ended = exit.then(() => Promise.reject(new Error(`the subject of ${option} ended`)));
    return (await Promise.race([once(child, 'message'), ended]))[0];
  };
  const does = async (step) => {
    child.send(step);
    return (await hears())[step];
  };
  try {
    await hears();
    await does('open');
    await disk.stall('write');
    await does('write');
    await disk.held(depth, 'write');
    const removed = await does('remove');
    const waited = (await disk.status()).held !== String(depth);
    await disk.pass();
    child.send('leave');
    // Where its threads are stuck it stays until the device answers, however long that takes.
    const left = await inTime(exit, 500);
    const open = () => openDevice(disk.path, { mode: 'write' });
    let refused = false;
    const early = await open().catch((error) => {
      refused = error.code === 'ERR_DEVICE_BUSY';
      if (!refused) throw error;
    });
    if (early !== undefined) await successorWrites(early);
    await disk.release();
    await disk.done(depth, 'write');
    const successor = early ?? (await whenFree(open));
    if (refused) await successorWrites(successor);
    await successor.close();
    await exit;
    return { ...removed, waited, left, refused, ghosts: ghostsOn(disk.medium()) };
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}
