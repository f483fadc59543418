// What a target promises, on devices in memory that lie.
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { listTargets, RemapTarget } from '../../lib/target/remap-target.js';

const mainBytes = 1024 * 1024;
const spareBytes = 2 * 1024 * 1024;

/** Sectors of one byte each. */
const filled = (...bytes: number[]) => Buffer.concat(bytes.map((byte) => Buffer.alloc(512, byte)));

async function made(options: Partial<Parameters<typeof RemapTarget.create>[0]> = {}, logicalBlockSize = 512) {
  const main = new LyingDevice(mainBytes, { logicalBlockSize });
  const spare = new LyingDevice(spareBytes, { logicalBlockSize });
  const target = await RemapTarget.create({ main, spare, ...options });
  return { main, spare, target };
}

describe('a target', () => {
  it('reads what was written, on main', async () => {
    const { target, main } = await made();
    await target.write(8, filled(1, 2, 3));
    expect(await target.read(8n, 3)).toEqual(new Uint8Array(filled(1, 2, 3)));
    expect(main.bytes[8 * 512]).toBe(1);
    await target.destroy();
  });

  it('moves exactly the sectors that cannot be written, and acknowledges what is durable', async () => {
    const { target, main, spare } = await made();
    for (const bad of [10, 13])
      main.lay(
        { fault: 'error', errno: 'EIO' },
        { on: 'write', range: { offset: BigInt(bad * 512), length: 512 } },
      );
    const bytes = filled(1, 2, 3, 4, 5, 6, 7, 8);
    await target.write(8, bytes);
    expect(target.entries().map(({ originalSector }) => originalSector)).toEqual([10n, 13n]);
    expect(await target.read(8, 8)).toEqual(new Uint8Array(bytes));
    const again = await RemapTarget.open({
      main: new LyingDevice(main.afterPowerCut()),
      spare: new LyingDevice(spare.afterPowerCut()),
    });
    expect(await again.read(8, 8)).toEqual(new Uint8Array(bytes));
    await again.destroy();
    await target.destroy();
  });

  it('aborts at once with everything stuck, and comes back when it has drained', async () => {
    const { target, main, spare } = await made();
    main.stall();
    spare.stall();
    const writes = Array.from({ length: 100 }, (_, at) => target.write(at, filled(at)));
    const settled = Promise.allSettled(writes);
    await new Promise(setImmediate); // They are with the device.
    const report = await target.presuspend();
    expect(report).toMatchObject({ aborted: 100 });
    for (const result of await settled)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_TARGET_SUSPENDED' } });
    await expect(target.read(0, 1)).rejects.toMatchObject({
      code: 'ERR_TARGET_SUSPENDED',
      outcome: 'untouched',
    });
    await expect(target.resume()).rejects.toMatchObject({ code: 'ERR_RANGE_UNSETTLED' });
    const resumed = target.resume({ unsettled: 'wait' });
    main.resume();
    spare.resume();
    await resumed;
    expect(target.state).toBe('active');
    expect(listTargets()).toEqual([target]);
    await target.destroy();
    expect(listTargets()).toEqual([]);
    expect(target.state).toBe('destroyed');
    await expect(target.read(0, 1)).rejects.toMatchObject({ code: 'ERR_TARGET_DESTROYED' });
  });

  it('moves groups of eight where the logical block has 4,096 bytes', async () => {
    const { target, main } = await made({}, 4096);
    main.lay({ fault: 'error', errno: 'EIO' }, { on: 'write', range: { offset: 4096n, length: 4096 } });
    const bytes = Buffer.alloc(3 * 4096, 7);
    await target.write(0, bytes);
    expect(target.entries().length).toBe(8);
    expect(await target.read(0, 24)).toEqual(new Uint8Array(bytes));
    await expect(target.read(1, 8)).rejects.toMatchObject({ code: 'ERR_UNALIGNED' });
    await target.destroy();
  });

  it.each([512, 4096])('refuses what is no sector of main, with a code: blocks of %d', async (blockSize) => {
    const { target } = await made({}, blockSize);
    for (const [sector, code] of [
      [1.5, 'ERR_INVALID_ARG_TYPE'],
      [Number.NaN, 'ERR_INVALID_ARG_TYPE'],
      ['8', 'ERR_INVALID_ARG_TYPE'],
      [-1, 'ERR_OUT_OF_RANGE'],
      [2048, 'ERR_OUT_OF_RANGE'],
    ] as [number, string][]) {
      await expect(target.remap(sector)).rejects.toMatchObject({ code });
      await expect(target.read(sector, blockSize / 512)).rejects.toMatchObject({ code });
    }
    await target.destroy();
  });
});
