// What hangs on one device touches no other of the same process: not while that lives, and where the engine says so
// (`guarantees.freesOtherDevices`) not when it ends either. Where it does not say so, or where no process can exit, the
// other device is free once the first has answered.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OperationError } from '../../lib/base/errors.js';
import type { Device } from '../../lib/device/device.js';
import { type EngineName, enginesToTry, guaranteesOf } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';
import { share } from '../support/tier.js';
import { frozenFile } from './frozen-file.js';
import { openWhenFree } from './hanging.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';
import { whenKept } from './threads.js';

/** What is promised of the other device, once its process has been killed or has exited, or its worker is terminated. */
const boundMs = 500;
/** For one row, as others use the machine too. That it is free while the first still hangs is shown without a clock. */
const marginMs = 4500;

const fixtures = join(import.meta.dirname, '../fixtures');
const library = join(import.meta.dirname, '../../dist');
const folder = scratchFolder();
let files = 0;
const newFile = () => zeroFile(join(folder, `image-${++files}`), 1024 * 1024);
const block = (value: number) => Buffer.alloc(4096, value);

/** A process that answers each message with one. */
async function child(script: string, words: readonly string[]) {
  const forked = fork(join(fixtures, script), words, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const gone = once(forked, 'exit');
  const died = gone.then(([status, signal]) => {
    throw new Error(`${script} has ended: ${signal ?? status}`);
  });
  died.catch(() => {});
  const said = async () => (await Promise.race([once(forked, 'message'), died]))[0];
  const ask = async (what: string) => {
    const answer = said();
    forked.send(what);
    return await answer;
  };
  const disposable = {
    async [Symbol.asyncDispose]() {
      forked.kill('SIGKILL');
      await gone;
    },
  };
  expect(await said()).toBe('ready');
  return { ...disposable, process: forked, pid: forked.pid as number, gone, ask };
}

const rings = () =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[io_uring]';
    } catch {
      return false; // The descriptor of this listing.
    }
  }).length;

async function isBusy(path: string): Promise<void> {
  await expect(openDevice(path, { mode: 'write' })).rejects.toMatchObject({ code: 'ERR_DEVICE_BUSY' });
}

const kinds = [
  ['a loop device', 'stuckLoop', stuckLoop],
  ['a file on FUSE', 'stuckFile', stuckFile],
] as const;
const onEach = enginesToTry().flatMap((engine) => kinds.map((kind) => [engine, ...kind] as const));

for (const [engine, title, fixture, make] of onEach) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? `${engine}, and ${title} that hangs`, () => {
    const operations = ['read', 'write', 'fsync'] as const;
    const start = (device: Device, operation: (typeof operations)[number]) =>
      operation === 'read'
        ? device.read(0n, 4096)
        : operation === 'write'
          ? device.write(0n, block(1))
          : device.flush();

    it.each(operations)(
      'with a stuck %s: another device is written, flushed, closed and opened again, here and elsewhere',
      async (operation) => {
        await using disk = await make();
        const other = newFile();
        await using hanging = await openDevice(disk.path, { mode: 'write', engine });
        if (operation === 'fsync') await hanging.write(4096n, block(3), { durable: false });
        await disk.stall(operation);
        const stuck = start(hanging, operation);
        await disk.held(1, operation);
        await using opener = await child('opener.mjs', [join(library, 'index.js'), other, engine]);
        for (let round = 0; round < 20; round++) {
          const device = await openDevice(other, { mode: 'write', engine });
          await device.write(0n, block(round + 1));
          await device.flush();
          expect(await device.close()).toEqual({ leftInFlight: 0, released: true });
          expect(await opener.ask('again')).toEqual({ report: { leftInFlight: 0, released: true } });
        }
        expect((await disk.status()).held).toBe('1');
        await isBusy(disk.path);
        await disk.pass();
        await disk.release();
        await stuck;
      },
    );

    it('is not said to be released before what it was closed with has landed', async () => {
      await using disk = await make();
      const device = await openDevice(disk.path, { mode: 'write', engine });
      await disk.stall('write');
      const writing = device.write(0n, block(1)).catch((error: OperationError) => error);
      await disk.held(1, 'write');
      expect(await device.close({ graceMs: 0 })).toEqual({ leftInFlight: 1, released: false });
      await isBusy(disk.path);
      const expected = engine === 'io_uring' ? 1 : 0;
      while (rings() > expected) await new Promise(setImmediate); // That of the refused open is on its way.
      expect(rings()).toBe(expected);
      await disk.pass();
      await disk.release();
      expect(await ((await writing) as OperationError).drained).toBe('written');
      await (await openWhenFree(disk.path, engine)).close();
      // The ring goes with what was in it. One that stays ends in the test's time limit.
      while (rings() > 0) await new Promise(setImmediate);
    });

    const ends = ['SIGKILL', 'exit', 'terminate'] as const;
    const rows = share(
      (['read', 'write'] as const).flatMap((kind) => ends.map((end) => [end, kind] as const)),
      3,
    );
    it.each(rows)('what ends by `%s` with a stuck %s frees the other device', async (end, kind) => {
      await using disk = await make();
      await endsBeside(disk, engine, kind, end, async (other, holder) => {
        if (end === 'terminate' || guaranteesOf(engine).freesOtherDevices) {
          const since = performance.now();
          await (await openWhenFree(other, engine)).close();
          expect(performance.now() - since).toBeLessThan(boundMs + marginMs);
        } else {
          expect(await whenKept(holder)).toBe(true);
          await isBusy(other);
        }
        expect((await disk.status()).held).toBe('1');
        await isBusy(disk.path);
      });
    });

    it('what is killed with a stuck flush keeps the other device, and frees it when that has ended', async () => {
      await using disk = await make();
      await endsBeside(disk, engine, 'flush', 'SIGKILL', async (other, holder) => {
        expect(await whenKept(holder)).toBe(true);
        await isBusy(other);
      });
    });
  });
}

/** A process or a worker that has two devices ends with something in flight on the first: `meanwhile` looks at the second. */
async function endsBeside(
  disk: StuckFile,
  engine: EngineName,
  kind: 'read' | 'write' | 'flush',
  end: 'SIGKILL' | 'exit' | 'terminate',
  meanwhile: (other: string, holder: number) => Promise<void>,
): Promise<void> {
  const other = newFile();
  await using holder = await child('neighbour.mjs', [library, engine, disk.path, other, kind, end]);
  const stalled = kind === 'flush' ? 'fsync' : kind;
  await disk.stall(stalled);
  if (end === 'terminate') await hangInWorker(holder, disk, stalled);
  else {
    expect(await holder.ask('go')).toBe('issued');
    await disk.held(1, stalled);
    if (end === 'exit') holder.process.send('exit');
    else holder.process.kill(end);
    if (guaranteesOf(engine).leavesWhileStuck && kind !== 'flush') await holder.gone;
  }
  await meanwhile(other, holder.pid);
  await disk.pass();
  await disk.release();
  if (end !== 'terminate') await holder.gone;
  await (await openWhenFree(other, engine)).close();
  await (await openWhenFree(disk.path, engine)).close();
}

async function hangInWorker(
  holder: Awaited<ReturnType<typeof child>>,
  disk: StuckFile,
  stalled: 'read' | 'write' | 'fsync',
): Promise<void> {
  expect(await holder.ask('go')).toBe('issued');
  await disk.held(1, stalled);
  expect(await holder.ask('terminate')).toBe('terminated');
}

const noFreeze = whyNo('frozenFile');
describe.skipIf(noFreeze !== undefined).each(enginesToTry())(
  noFreeze ?? '%s, and a file on a frozen file system',
  (engine) => {
    it('with as many stuck writes as the window takes: another device is written and flushed', async () => {
      await using disk = await frozenFile();
      await using hanging = await openDevice(disk.path, { mode: 'write', engine, window: 64 });
      await using other = await openDevice(newFile(), { mode: 'write', engine });
      await disk.freeze(10_000);
      const writes = Array.from({ length: 64 }, (_, at) => hanging.write(BigInt(at * 4096), block(1)));
      await disk.held(1);
      await other.write(0n, block(2), { durable: false });
      await other.flush();
      await disk.thaw();
      expect(await disk.thawed(1)).toEqual(['command']);
      await Promise.all(writes);
    });

    it('a process that is killed keeps its other device, and frees it at the thaw', async () => {
      await using disk = await frozenFile();
      const other = newFile();
      const words = [library, engine, disk.path, other, 'write', 'SIGKILL'];
      await using holder = await child('neighbour.mjs', words);
      await disk.freeze(10_000);
      expect(await holder.ask('go')).toBe('issued');
      await disk.held(1, holder.pid);
      holder.process.kill('SIGKILL');
      expect(await whenKept(holder.pid)).toBe(true);
      await isBusy(other);
      await disk.thaw();
      await holder.gone;
      await (await openWhenFree(other, engine)).close();
      await (await openWhenFree(disk.path, engine)).close();
    });
  },
);
