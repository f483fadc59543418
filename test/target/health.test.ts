// The analysis of errors and the scan, as parts of a target: what they find, what follows from it, and when they end.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { RemapTarget } from '../../lib/target/remap-target.js';
import type { ScanTime } from '../../lib/target/scan-options.js';

const mainBytes = 512 * 1024;
const spareBytes = 1024 * 1024;
const filled = (count: number, byte: number) => new Uint8Array(count * 512).fill(byte);
const turn = () => new Promise(setImmediate);

/** Without a pace: a pause is a turn of the loop. */
const time: ScanTime = {
  now: () => 0,
  pause: async (_, signal) => {
    await turn();
    signal.throwIfAborted();
  },
};

async function made(options: Partial<Parameters<typeof RemapTarget.create>[0]> = {}) {
  const main = new LyingDevice(mainBytes);
  const spare = new LyingDevice(spareBytes);
  const target = await RemapTarget.create({ main, spare, ...options });
  const bad = (on: 'read' | 'write', sector: number) =>
    main.lay({ fault: 'error', errno: 'EIO' }, { on, range: { offset: BigInt(sector * 512), length: 512 } });
  return { main, spare, target, bad };
}

describe('the health of a target', () => {
  it('is good until errors come, and is told where they are, once a turn', async () => {
    const { target, bad } = await made();
    const told: unknown[] = [];
    const listen = (message: unknown) => told.push((message as { analysis: unknown }).analysis);
    subscribe('dmremap.health', listen);
    expect(target.status().health).toMatchObject({ verdict: 'good', score: 100 });
    for (const sector of [17, 18, 19]) bad('write', sector);
    await target.write(16, filled(8, 1));
    await turn();
    unsubscribe('dmremap.health', listen);
    const { health } = target.status();
    expect(health.score).toBeLessThan(100);
    expect(health.main).toMatchObject({ writeErrors: 3, failedSectors: 3 });
    expect(told.at(-1)).toMatchObject({ score: health.score, main: { writeErrors: 3 } });
    await target.destroy();
  });

  it('is found out by a scan, which remaps nothing, not even where data was given up by name', async () => {
    const { target, bad } = await made({
      onReadError: 'remap-zero',
      healthScan: { time, intervalMs: 2 ** 31 - 1 },
    });
    await target.presuspend();
    await target.resume();
    bad('read', 17);
    bad('read', 900);
    const pass = await target.scan();
    expect(pass).toMatchObject({ failedSectors: 2 });
    expect(target.entries()).toEqual([]);
    expect(target.status()).toMatchObject({
      health: { main: { readErrors: 2 } },
      scan: { lastScrub: { needsRepair: false } },
    });
    await target.destroy();
  });

  it('makes suspects of what a scan cannot read where the policy says so', async () => {
    const { target, bad } = await made({ onReadError: 'remap-on-write' });
    bad('read', 17);
    await target.scan();
    await target.write(16, filled(8, 1));
    expect(target.entries().map(({ originalSector }) => originalSector)).toEqual([17n]);
    await target.destroy();
  });

  it.each(['scan', 'scrub'] as const)('has a copy that went bad mended after a %s', async (how) => {
    const { target, spare } = await made();
    const { sequence } = target.status();
    spare.bytes.fill(0xee, slotBytes, slotBytes + 512);
    await target[how]();
    await target.sync();
    expect(target.status().sequence).toBe((sequence ?? 0n) + 1n);
    expect((await target.scrub()).copies.map(({ state }) => state)).toEqual(Array(5).fill('intact'));
    await target.destroy();
  });

  it('is no matter any more in the call that leaves active: no read, no look at the copies, no analysis', async () => {
    const { target, main, spare, bad } = await made({
      healthScan: { time, chunkBytes: 4096, intervalMs: 0 },
    });
    while (main.count.read < 3) await turn();
    bad('read', 17);
    await expect(target.read(17, 1)).rejects.toMatchObject({ code: 'ERR_IO' });
    let told = 0;
    const listen = () => told++;
    subscribe('dmremap.health', listen);
    const leaving = target.presuspend();
    expect(target.status().scan.state).toBe('stopped');
    const { cursor } = target.status().scan;
    await leaving;
    while (target.status().inFlight > 0) await turn(); // The read that was aborted has an end of its own.
    const counts = [{ ...main.count }, { ...spare.count }];
    for (let turns = 0; turns < 20; turns++) await turn();
    unsubscribe('dmremap.health', listen);
    expect([main.count, spare.count]).toEqual(counts);
    expect(told).toBe(0);
    await target.resume();
    expect(target.status().scan).toMatchObject({ state: 'scanning', cursor });
    await target.destroy();
  });

  it('is scanned no more when nobody waits, and not at all while suspended', async () => {
    const { target, main } = await made();
    main.stall();
    const scanning = target.scan();
    const told = expect(scanning).rejects.toMatchObject({ code: 'ERR_TARGET_SUSPENDED' });
    await turn();
    await turn();
    await target.presuspend();
    await told;
    await expect(target.scan()).rejects.toMatchObject({ code: 'ERR_TARGET_SUSPENDED' });
    await expect(target.scrub()).rejects.toMatchObject({ code: 'ERR_TARGET_SUSPENDED' });
    main.resume();
    await target.destroy();
  });
});
