// Ghost writes (io spec 1.2): the process is gone, and its write lands when the device comes back. Without a fence over newer
// data; with ours the successor is kept out until it has landed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { enginesToTry, guaranteesOf } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { openWhenFree } from './hanging.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { whenKept } from './threads.js';
import { uringWriter } from './uring-writer.js';

const block = (value: number) => Buffer.alloc(4096, value);
const script = fileURLToPath(new URL('../fixtures/ghost.mjs', import.meta.url));
const library = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

const no = whyNo('stuckLoop') ?? whyNo('unresolvedPage');
describe.skipIf(no !== undefined)(no ?? 'a write whose process was killed', () => {
  it('lands over newer data where nobody keeps a fence', async () => {
    await using disk = await stuckLoop();
    await disk.stall('write');
    // A plain C program: no O_EXCL on the device.
    const ghost = await uringWriter({ target: disk.path, direct: true });
    await ghost.submit();
    const [held] = await disk.held(1, 'write');
    const old = held?.length ?? 0;
    process.kill(ghost.pid, 'SIGKILL');
    await expect(ghost[Symbol.asyncDispose]()).rejects.toThrow('SIGKILL'); // Gone, and the write is not.
    expect((await disk.status()).held).toBe('1');
    await disk.pass();
    {
      // The successor's write is durable before the ghost lands.
      await using successor = await openDevice(disk.path, { mode: 'write' });
      await successor.write(0n, block(2));
      expect(disk.medium().subarray(0, 4096).equals(block(2))).toBe(true);
      await disk.release();
      await disk.done(1, 'write');
    }
    expect(old).toBe(4096);
    expect(disk.medium().subarray(0, 4096).equals(block(2)), 'the newer data is gone').toBe(false);
  });

  it.each(enginesToTry())(
    'keeps a successor out until it has landed, where it was ours: %s',
    async (engine) => {
      await using disk = await stuckLoop();
      await disk.stall('write');
      const child = fork(script, [library, disk.path, engine], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      const gone = once(child, 'exit');
      await disk.held(1, 'write');
      child.kill('SIGKILL');
      const { leavesWhileStuck } = guaranteesOf(engine);
      if (leavesWhileStuck) await gone;
      else expect(await whenKept(child.pid as number)).toBe(true);
      expect(child.signalCode).toBe(leavesWhileStuck ? 'SIGKILL' : null);
      await disk.pass();
      const busy = {
        code: 'ERR_DEVICE_BUSY',
        message: expect.stringMatching(/in flight|another process/),
      };
      await expect(openDevice(disk.path, { mode: 'write' })).rejects.toMatchObject(busy);
      expect((await disk.status()).held).toBe('1');
      await disk.release();
      await disk.done(1, 'write');
      expect(await gone).toEqual([null, 'SIGKILL']);
      expect(disk.medium().subarray(0, 4096).equals(block(1))).toBe(true);
      await using successor = await openWhenFree(disk.path);
      await successor.write(0n, block(2));
      expect(disk.medium().subarray(0, 4096).equals(block(2)), 'the newer data stays').toBe(true);
    },
  );
});
