// What becomes of blocks that cannot be read or written, under each policy, and of places on the spare that are bad too.
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { RemapTarget } from '../../lib/target/remap-target.js';

const mainBytes = 512 * 1024;
const spareBytes = 1024 * 1024;
type Options = Partial<Parameters<typeof RemapTarget.create>[0]>;

const filled = (count: number, byte: number) => new Uint8Array(count * 512).fill(byte);

async function made(options: Options = {}) {
  const main = new LyingDevice(mainBytes);
  const spare = new LyingDevice(spareBytes);
  const target = await RemapTarget.create({ main, spare, ...options });
  const bad = (on: 'read' | 'write', sector: number, device = main) =>
    device.lay(
      { fault: 'error', errno: 'EIO' },
      { on, range: { offset: BigInt(sector * 512), length: 512 } },
    );
  const originals = () => target.entries().map(({ originalSector }) => originalSector);
  return { main, spare, target, bad, originals };
}

describe('a block that cannot be read', () => {
  it('is named, alone, with the bytes of all others', async () => {
    const { target, bad } = await made();
    await target.write(0, filled(300, 7));
    for (const sector of [17, 18, 255]) bad('read', sector);
    const error = await target.read(0, 300).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      name: 'TargetError',
      code: 'ERR_IO',
      errno: 'EIO',
      outcome: 'untouched',
      sectors: [
        { sector: 17n, count: 2n },
        { sector: 255n, count: 1n },
      ],
    });
    const { bytes } = error as { bytes: Uint8Array };
    for (let sector = 0; sector < 300; sector++) {
      const expected = [17, 18, 255].includes(sector) ? 0 : 7;
      expect(bytes.subarray(sector * 512, sector * 512 + 512).every((byte) => byte === expected)).toBe(true);
    }
    expect(target.status().counters.readErrors).toBe(3);
  });

  it('stays on main by default, where its next write goes', async () => {
    const { target, bad, originals, main } = await made();
    const lift = bad('read', 17);
    await expect(target.read(16, 8)).rejects.toMatchObject({ code: 'ERR_IO' });
    await target.write(16, filled(8, 3));
    lift();
    expect(await target.read(16, 8)).toEqual(filled(8, 3));
    expect(originals()).toEqual([]);
    expect(main.bytes[17 * 512]).toBe(3);
  });

  it('goes to the spare with its next write where the policy says so, and its neighbours do not', async () => {
    const { target, bad, originals } = await made({ onReadError: 'remap-on-write' });
    bad('read', 17);
    await expect(target.read(16, 8)).rejects.toMatchObject({ code: 'ERR_IO' });
    await target.write(0, filled(16, 1));
    expect(originals()).toEqual([]);
    await target.write(16, filled(8, 3));
    expect(originals()).toEqual([17n]);
    expect(await target.read(16, 8)).toEqual(filled(8, 3));
  });

  it('is zeros from then on where its data was given up by name', async () => {
    const { target, bad, originals, main, spare } = await made({ onReadError: 'remap-zero' });
    await target.write(16, filled(8, 3));
    bad('read', 17);
    const expected = filled(8, 3);
    expected.fill(0, 512, 1024);
    const both = await Promise.all([target.read(16, 8), target.read(17, 1)]);
    expect(both).toEqual([expected, filled(1, 0)]);
    expect(originals()).toEqual([17n]);
    await target.destroy();
    await using again = await RemapTarget.open({
      main: new LyingDevice(main.afterPowerCut()),
      spare: new LyingDevice(spare.afterPowerCut()),
    });
    expect(await again.read(16, 8)).toEqual(expected);
  });

  it('is moved by nobody: its data is not known', async () => {
    const { target, bad, originals } = await made();
    bad('read', 17);
    await expect(target.remap(17)).rejects.toMatchObject({
      code: 'ERR_IO',
      sectors: [{ sector: 17n, count: 1n }],
    });
    await target.remap(18);
    await expect(target.remap(18)).rejects.toMatchObject({
      code: 'ERR_ORIGINAL_MAPPED',
      outcome: 'untouched',
    });
    expect(originals()).toEqual([18n]);
  });
});

describe('a block that cannot be written', () => {
  it('is only named where the policy says so', async () => {
    const { target, bad, originals } = await made({ onWriteError: 'report' });
    bad('write', 17);
    await expect(target.write(16, filled(8, 3))).rejects.toMatchObject({
      code: 'ERR_IO',
      outcome: 'unknown',
      sectors: [{ sector: 17n, count: 1n }],
    });
    expect(originals()).toEqual([]);
  });

  it('takes another place where the first one on the spare is bad too, which nobody gets any more', async () => {
    const { target, bad, originals, spare } = await made();
    bad('write', 17);
    bad('write', 40);
    bad('write', 1280, spare);
    bad('write', 1288, spare);
    await target.write(17, filled(1, 3));
    await target.write(40, filled(1, 4));
    expect(originals()).toEqual([17n, 40n]);
    expect(target.entries().map(({ spareSector }) => spareSector)).toEqual([1296n, 1304n]);
  });

  it('moves again when its place on the spare goes bad', async () => {
    const { target, bad, originals, spare, main } = await made();
    bad('write', 17);
    await target.write(17, filled(1, 3));
    bad('write', 1280, spare);
    await target.write(17, filled(1, 4));
    expect(originals()).toEqual([17n]);
    expect(target.entries()[0]?.spareSector).toBe(1288n);
    await target.destroy();
    await using again = await RemapTarget.open({
      main: new LyingDevice(main.afterPowerCut()),
      spare: new LyingDevice(spare.afterPowerCut()),
    });
    expect(await again.read(17, 1)).toEqual(filled(1, 4));
  });

  it('fails by name where the spare has no place left, and the table is as it was', async () => {
    const spareSmall = new LyingDevice((1280 + 8) * 512);
    const main = new LyingDevice(mainBytes);
    await using target = await RemapTarget.create({ main, spare: spareSmall });
    for (const sector of [17, 40]) {
      main.lay(
        { fault: 'error', errno: 'EIO' },
        { on: 'write', range: { offset: BigInt(sector * 512), length: 512 } },
      );
    }
    await target.write(17, filled(1, 3));
    const { sequence } = target.status();
    await expect(target.write(40, filled(1, 4))).rejects.toMatchObject({
      code: 'ERR_SPARE_EXHAUSTED',
      outcome: 'unknown',
      sectors: [{ sector: 40n, count: 1n }],
    });
    expect(target.status()).toMatchObject({ sequence, remaps: 1, pendingBlocks: 0 });
  });

  it('is acknowledged when its entry is durable and not before; who gives up is told that it may become so', async () => {
    const { target, bad, spare, originals } = await made({ sync: { writeTimeoutMs: 2_000_000 } });
    bad('write', 17);
    bad('write', 18);
    await target.write(17, filled(1, 3));
    const lift = spare.lay({ fault: 'late' }, { on: 'write', range: { offset: 0n, length: 640 * 1024 } });
    const writing = target.write(18, filled(1, 4));
    while (originals().length < 2) await new Promise(setImmediate);
    writing.cancel();
    await expect(writing).rejects.toMatchObject({ code: 'ABORT_ERR', outcome: 'unknown' });
    expect(target.status()).toMatchObject({ remaps: 2, pendingBlocks: 1 });
    // Not yet from the new place: a crash could take it back.
    expect(await target.read(18, 1)).toEqual(filled(1, 0));
    lift();
    spare.resume();
    await target.sync();
    expect(target.status()).toMatchObject({ pendingBlocks: 0 });
    expect(await target.read(18, 1)).toEqual(filled(1, 4));
  });

  it('is degraded, and says why, where the table cannot be made durable; a later try helps', async () => {
    const { target, bad, spare } = await made({ sync: { attempts: 2, backoffMs: 0 } });
    bad('write', 17);
    const lift = spare.lay(
      { fault: 'error', errno: 'EIO' },
      { on: 'write', range: { offset: 0n, length: 640 * 1024 } },
    );
    await expect(target.write(17, filled(1, 3))).rejects.toMatchObject({
      code: 'ERR_TARGET_DEGRADED',
      outcome: 'unknown',
    });
    expect(target.status().sync).toMatchObject({ dirty: true, degraded: true, failures: 2 });
    lift();
    await target.sync();
    expect(target.status().sync).toMatchObject({ dirty: false, degraded: false });
    expect(await target.read(17, 1)).toEqual(filled(1, 3));
  });
});

describe('errors that are not of a block', () => {
  it('remap nothing: a device that is gone, one that is full', async () => {
    for (const errno of ['ENODEV', 'ENOSPC'] as const) {
      const { target, main, originals } = await made();
      main.lay({ fault: 'error', errno }, { on: 'write' });
      await expect(target.write(16, filled(8, 3))).rejects.toMatchObject({
        code: errno === 'ENODEV' ? 'ERR_DEVICE_VANISHED' : 'ERR_NO_SPACE',
        errno,
        sectors: [],
      });
      expect(originals()).toEqual([]);
    }
  });
});
