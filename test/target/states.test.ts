// The states of a target and who may do what in them (docs/lifecycle.md), what it refuses, and what can be watched.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { listTargets, RemapTarget } from '../../lib/target/remap-target.js';
import { edges } from '../../lib/target/target-state.js';

const mainBytes = 512 * 1024;
const spareBytes = 1024 * 1024;
const filled = (count: number, byte: number) => new Uint8Array(count * 512).fill(byte);

async function made(options: Partial<Parameters<typeof RemapTarget.create>[0]> = {}) {
  const main = new LyingDevice(mainBytes);
  const spare = new LyingDevice(spareBytes);
  const target = await RemapTarget.create({ main, spare, ...options });
  return { main, spare, target };
}

/** Every call that needs an active target. */
const calls = (target: RemapTarget) => [
  target.read(0, 1),
  target.write(0, filled(1, 1)),
  target.flush(),
  target.remap(0),
  target.sync(),
];

describe('a target that is not active', () => {
  it('refuses every request, with nothing done, and keeps both devices', async () => {
    const { target, main, spare } = await made();
    await target.write(0, filled(1, 9));
    await target.presuspend();
    const before = { ...main.count };
    for (const call of calls(target)) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_TARGET_SUSPENDED', outcome: 'untouched' });
    }
    expect(main.count).toEqual(before);
    expect(target.entries()).toEqual([]);
    await target.resume();
    expect(await target.read(0, 1)).toEqual(filled(1, 9));
    await target.destroy();
    for (const call of calls(target)) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_TARGET_DESTROYED', outcome: 'untouched' });
    }
    await expect(target.resume()).rejects.toMatchObject({ code: 'ERR_TARGET_DESTROYED' });
    // They were the caller's.
    expect([main.closed.aborted, spare.closed.aborted]).toEqual([false, false]);
  });

  it('is inactive from the call on: nothing that comes behind it begins', async () => {
    const { target } = await made();
    const leaving = target.presuspend();
    expect(target.state).toBe('suspending');
    await expect(target.read(0, 1)).rejects.toMatchObject({ code: 'ERR_TARGET_SUSPENDED' });
    const again = target.presuspend();
    expect(await again).toEqual(await leaving);
    expect(target.state).toBe('suspended');
    expect(await target.presuspend()).toEqual(await leaving);
    const destroying = target.destroy();
    await expect(target.read(0, 1)).rejects.toMatchObject({ code: 'ERR_TARGET_DESTROYED' });
    expect(await target.destroy()).toEqual(await destroying);
  });

  it('has the table of the disk when it comes back', async () => {
    const { target, spare } = await made();
    await target.remap(17);
    await target.presuspend();
    await using store = await MetadataStore.open(spare, { mode: 'write' });
    store.table.add(40);
    await store.commit();
    await store.close();
    await target.resume();
    expect(target.entries().map(({ originalSector }) => originalSector)).toEqual([17n, 40n]);
    await target.destroy();
  });
});

describe('coming back', () => {
  it('fails where the table cannot be read, and can be tried again', async () => {
    const { target, spare } = await made();
    await target.presuspend();
    const lift = spare.lay({ fault: 'error', errno: 'EIO' }, { on: 'read' });
    await expect(target.resume()).rejects.toMatchObject({ code: 'ERR_NO_METADATA' });
    expect(target.state).toBe('suspended');
    lift();
    await target.resume();
    expect(target.state).toBe('active');
    await target.resume();
    await target.destroy();
  });

  it.each(['presuspend', 'destroy'] as const)('is given up when %s comes meanwhile', async (how) => {
    const { target, spare } = await made();
    await target.presuspend();
    spare.stall();
    const resuming = target.resume();
    const told = expect(resuming).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await new Promise(setImmediate);
    await target[how]();
    await told;
    expect(target.state).toBe(how === 'destroy' ? 'destroyed' : 'suspended');
    spare.resume();
    await target.destroy();
    expect(listTargets()).toEqual([]);
  });

  it('waits for what is in flight only as long as it is let', async () => {
    const { target, main } = await made();
    main.stall();
    const writing = target.write(0, filled(1, 1));
    await new Promise(setImmediate);
    const [, report] = await Promise.all([expect(writing).rejects.toThrow(), target.presuspend()]);
    expect(report).toMatchObject({ aborted: 1, leftInFlight: 1 });
    const resuming = target.resume({ unsettled: 'wait' });
    resuming.cancel('enough');
    await expect(resuming).rejects.toMatchObject({ code: 'ABORT_ERR', cause: 'enough' });
    main.resume();
    await target.resume({ unsettled: 'wait' });
    expect(await target.read(0, 1)).toEqual(filled(1, 1));
    expect(target.status().inFlight).toBe(0);
    await target.destroy();
  });
});

describe('opening', () => {
  it('refuses a main of another size, a spare without metadata, one device for both, and a table of parts of blocks', async () => {
    const { target, spare } = await made();
    await target.remap(17);
    await target.destroy();
    await expect(RemapTarget.open({ main: new LyingDevice(mainBytes / 2), spare })).rejects.toMatchObject({
      code: 'ERR_MAIN_MISMATCH',
    });
    const main = new LyingDevice(mainBytes, { logicalBlockSize: 4096 });
    await expect(RemapTarget.open({ main, spare })).rejects.toMatchObject({ code: 'ERR_TABLE_UNALIGNED' });
    await expect(RemapTarget.open({ main, spare: new LyingDevice(spareBytes) })).rejects.toMatchObject({
      code: 'ERR_NO_METADATA',
    });
    await expect(RemapTarget.open({ main, spare: main })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await expect(RemapTarget.create({ main, spare })).rejects.toMatchObject({ code: 'ERR_METADATA_EXISTS' });
    expect(listTargets()).toEqual([]);
  });

  it.each([
    [{ onReadError: 'guess' }, 'ERR_INVALID_ARG_VALUE'],
    [{ onWriteError: 'guess' }, 'ERR_INVALID_ARG_VALUE'],
    [{ sync: { attempts: 0 } }, 'ERR_OUT_OF_RANGE'],
    [{ sync: { writeTimeoutMs: Number.NaN } }, 'ERR_OUT_OF_RANGE'],
    [{ sync: { backoffMs: -1 } }, 'ERR_OUT_OF_RANGE'],
  ])('refuses %j', async (options, code) => {
    await expect(made(options as never)).rejects.toMatchObject({ code });
  });
});

describe('requests', () => {
  it.each([
    [-1, 1, 'ERR_OUT_OF_RANGE'],
    [1023, 2, 'ERR_OUT_OF_RANGE'],
    [0, 0, 'ERR_OUT_OF_RANGE'],
    [0, 1.5, 'ERR_OUT_OF_RANGE'],
    [0, 32_769, 'ERR_OUT_OF_RANGE'],
    [0.5, 1, 'ERR_INVALID_ARG_TYPE'],
    ['0', 1, 'ERR_INVALID_ARG_TYPE'],
    [2n ** 70n, 1, 'ERR_OUT_OF_RANGE'],
  ])('refuse sector %s, count %s', async (sector, count, code) => {
    const { target } = await made();
    await expect(target.read(sector as number, count)).rejects.toMatchObject({ code });
    await target.destroy();
  });

  it('of writes take bytes as they are at the call, and nothing else', async () => {
    const { target } = await made();
    const bytes = filled(1, 1);
    const writing = target.write(0, bytes);
    bytes.fill(2);
    await writing;
    expect(await target.read(0, 1)).toEqual(filled(1, 1));
    await expect(target.write(0, new Uint8Array(100))).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    await expect(target.write(0, 'text' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await target.destroy();
  });
});

describe('what can be watched', () => {
  it('tells states, commits, remaps and aborts', async () => {
    const seen: string[] = [];
    const names = [
      'dmremap.state',
      'dmremap.cancel',
      'tracing:dmremap.commit:start',
      'tracing:dmremap.remap:start',
      'tracing:dmremap.remap:asyncEnd',
    ];
    const listen = (message: unknown, name: string | symbol) => {
      const { from, to, sectors, operation } = message as Record<string, unknown>;
      seen.push([name, from, to, sectors, operation].filter((part) => part !== undefined).join(' '));
    };
    for (const name of names) subscribe(name, listen);
    const { target, main } = await made();
    await target.remap(17);
    main.stall();
    const reading = target.read(0, 1);
    await new Promise(setImmediate);
    reading.cancel();
    await expect(reading).rejects.toMatchObject({ code: 'ABORT_ERR' });
    main.resume();
    await target.destroy();
    for (const name of names) unsubscribe(name, listen);
    expect(seen).toEqual([
      'dmremap.state suspended active',
      'tracing:dmremap.remap:start 17',
      'tracing:dmremap.commit:start',
      'tracing:dmremap.remap:asyncEnd 17',
      'dmremap.cancel read',
      'dmremap.state active suspending',
      'dmremap.state suspending suspended',
      'dmremap.state suspended destroyed',
    ]);
    const { counters, latency } = target.status();
    expect(counters).toMatchObject({ reads: 1, aborts: 1 });
    expect(latency).toMatchObject({
      remap: { count: 1 },
      commit: { count: 1 },
      cancel: { count: 1 },
      presuspend: { count: 1 },
    });
    for (const { p50Ms, p99Ms, maxMs } of Object.values(latency)) {
      expect(p50Ms).toBeGreaterThan(0);
      expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
      expect(maxMs * 1.01).toBeGreaterThanOrEqual(p99Ms);
    }
  });

  it('has an edge out of every state but the last', () => {
    expect(Object.entries(edges).flatMap(([from, to]) => (to.length === 0 ? [from] : []))).toEqual([
      'destroyed',
    ]);
  });
});
