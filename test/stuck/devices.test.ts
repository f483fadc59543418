// What the library says of a write that hangs, once on each fixture: the fixtures' own test that they hold what they say.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import type { Device } from '../../lib/device/device.js';
import { enginesToTry } from '../../lib/device/engines.js';
import { openDevice } from '../../lib/device/native-device.js';
import { frozenFile } from './frozen-file.js';
import { openWhenFree } from './hanging.js';
import { stuckLoop, throttledLoop } from './loop.js';
import { type Fixture, whyNo } from './reasons.js';
import { type StuckFile, stuckFile } from './stuck-file.js';

const block = (value: number) => Buffer.alloc(4096, value);

interface Hanging extends AsyncDisposable {
  readonly path: string;
  stall(): Promise<void>;
  /** Resolves when the write of this device is where only the medium can end it. */
  held(device: Device): Promise<unknown>;
  release(): Promise<void>;
  /** Undefined where it cannot be seen past the device. */
  medium(): Buffer | undefined;
}

const held = (file: StuckFile): Hanging => ({
  path: file.path,
  stall: () => file.stall('write'),
  held: () => file.held(1, 'write'),
  release: async () => {
    await file.pass();
    await file.release();
  },
  medium: () => file.medium(),
  [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
});

/** The kernel tells of no throttled write: it is held once what was called after it has been handed over too. */
const handedOver = (device: Device) => device.read(16_384n, 4096);

const rows: readonly (readonly [string, Fixture, () => Promise<Hanging>])[] = [
  ['a file on FUSE', 'stuckFile', async () => held(await stuckFile())],
  ['a loop device with blocks of 512', 'stuckLoop', async () => held(await stuckLoop())],
  [
    'a loop device with blocks of 4096',
    'stuckLoop',
    async () => held(await stuckLoop({ logicalBlockSize: 4096 })),
  ],
  ['a loop device without direct I/O', 'stuckLoop', async () => held(await stuckLoop({ direct: false }))],
  [
    'a throttled loop device',
    'throttledLoop',
    async () => {
      const disk = await throttledLoop();
      return {
        path: disk.path,
        stall: () => disk.stall(),
        held: handedOver,
        release: () => disk.release(),
        medium: () => disk.medium(),
        [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
      };
    },
  ],
  [
    'a file on a frozen file system',
    'frozenFile',
    async () => {
      const file = await frozenFile();
      return {
        path: file.path,
        stall: () => file.freeze(5000),
        held: () => file.held(1),
        release: () => file.thaw(),
        medium: () => undefined,
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
  ],
];

/** Gives up a write of ones to the second block, while it is held. */
async function giveUp(hanging: Hanging, device: Device): Promise<OperationError> {
  await hanging.stall();
  const writing = device.write(4096n, block(1));
  await hanging.held(device);
  writing.cancel();
  const error = await writing.catch((reason: unknown) => reason);
  if (!(error instanceof OperationError)) throw new Error('the write was not given up');
  return error;
}

const expectSecond = (hanging: Hanging, value: number) =>
  expect(hanging.medium()?.subarray(4096, 8192).equals(block(value)) ?? true).toBe(true);

const engines = enginesToTry();
const onEach = engines.flatMap((engine) => rows.map((row) => [engine, ...row] as const));

for (const [engine, title, fixture, make] of onEach) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? `${engine} on ${title}`, () => {
    it('an abort settles as unknown while the write is held, and drains as written when it is released', async () => {
      await using hanging = await make();
      await using device = await openDevice(hanging.path, { mode: 'write', engine });
      const error = await giveUp(hanging, device);
      expect(error).toMatchObject({ code: 'ABORT_ERR', outcome: 'unknown' });
      let drained = false;
      error.whenDrained(() => {
        drained = true;
      });
      await nextTurn();
      expect(drained).toBe(false);
      expectSecond(hanging, 0);

      await hanging.release();
      expect(await error.drained).toBe('written');
      expectSecond(hanging, 1);
      expect(Buffer.from(await device.read(4096n, 4096)).equals(block(1))).toBe(true);
    });

    it('close leaves the held write behind, and nobody may open the device until it has landed', async () => {
      await using hanging = await make();
      const device = await openDevice(hanging.path, { mode: 'write', engine });
      const error = await giveUp(hanging, device);
      expect(await device.close({ graceMs: 0 })).toMatchObject({ leftInFlight: 1 });
      await expect(openDevice(hanging.path, { mode: 'write' })).rejects.toMatchObject({
        code: 'ERR_DEVICE_BUSY',
      });

      await hanging.release();
      expect(await error.drained).toBe('written');
      expectSecond(hanging, 1);
      await using successor = await openWhenFree(hanging.path, engine);
      expect(Buffer.from(await successor.read(4096n, 4096)).equals(block(1))).toBe(true);
    });
  });
}

const noLoop = whyNo('stuckLoop');
describe.skipIf(noLoop !== undefined).each(engines)(noLoop ?? '%s on a stuck loop device', (engine) => {
  it('holds 40 writes at a time, and gives them back in any order', async () => {
    await using disk = await stuckLoop();
    await using device = await openDevice(disk.path, { mode: 'write', window: 64, engine });
    await disk.stall('write');
    const writes = Array.from({ length: 40 }, (_, index) => device.write(BigInt(index * 8192), block(index)));
    const operations = await disk.held(40);
    for (const operation of operations.toReversed()) await disk.releaseOne(operation);
    await Promise.all(writes);
    const order = (await disk.done(40)).map(({ offset }) => offset);
    expect(order).toEqual(operations.map(({ offset }) => offset).toReversed());
  });

  it('fails a write with the error of its file, as EIO', async () => {
    await using disk = await stuckLoop();
    await using device = await openDevice(disk.path, { mode: 'write', engine });
    await disk.fail('EIO', { times: 1, kinds: ['write'] });
    await expect(device.write(0n, block(1))).rejects.toMatchObject({ code: 'ERR_IO', errno: 'EIO' });
    await device.write(0n, block(2));
    expect(disk.medium().subarray(0, 4096).equals(block(2))).toBe(true);
  });

  it('holds a flush, which an abort settles too', async () => {
    await using disk = await stuckLoop();
    await using device = await openDevice(disk.path, { mode: 'write', engine });
    await device.write(0n, block(1), { durable: false });
    await disk.stall('fsync');
    const flush = device.flush();
    await disk.held(1, 'fsync');
    flush.cancel();
    const error = await flush.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ABORT_ERR', outcome: 'unknown' });
    await disk.pass();
    await disk.release();
    await (error as OperationError).drained;
  });
});

const noFreeze = whyNo('frozenFile');
describe.skipIf(noFreeze !== undefined)(noFreeze ?? 'a frozen file system', () => {
  it('thaws by the timer of its guardian, without a command', async () => {
    await using file = await frozenFile();
    await using device = await openDevice(file.path, { mode: 'write' });
    await file.freeze(300);
    const writing = device.write(0n, block(1));
    expect(await file.thawed(1)).toEqual(['timer']);
    await writing;
  });

  it('thaws at the end of the fixture at the latest', async () => {
    const file = await frozenFile();
    const device = await openDevice(file.path, { mode: 'write' });
    await file.freeze(10_000);
    const writing = device.write(0n, block(1));
    await file[Symbol.asyncDispose]();
    await writing;
    expect(await file.thawed(1)).toEqual(['end']);
    await device.close();
  });
});
