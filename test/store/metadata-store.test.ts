// Create, open, commit: what ends up on the disk, on a device in memory and on a real file and loop device.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import type { Device } from '../../lib/device/device.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { slotBytes, structureBytes } from '../../lib/format/structure.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow, drawSlot, patchSlot } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { goldenBytes } from '../support/golden.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const spareBytes = 16 * 1024 * 1024;
const now = () => drawnNow;
const mainSectors = 1_000_000n;

interface Spare {
  readonly name: string;
  make(): Promise<{ device: Device; dispose(): Promise<void> }>;
}

const noLoop = whyNoLoop();
let files = 0;
const spares: readonly Spare[] = [
  {
    name: 'memory',
    make: async () => ({ device: new MemoryDevice(spareBytes), dispose: async () => {} }),
  },
  {
    name: 'a file',
    make: async () => {
      const device = await openDevice(zeroFile(join(folder, `spare-${++files}`), spareBytes), {
        mode: 'write',
      });
      return { device, dispose: async () => void (await device.close()) };
    },
  },
  ...[512, 4096].map((sectorSize) => ({
    name: `a loop device with blocks of ${sectorSize}`,
    make: async () => {
      const file = zeroFile(join(folder, `spare-${++files}`), spareBytes);
      const loop = loopDevice(file, ['--sector-size', String(sectorSize)]);
      const device = await openDevice(loop.path, { mode: 'write' });
      const dispose = async () => {
        await device.close();
        loop.detach();
      };
      return { device, dispose };
    },
  })),
].filter(({ name }) => noLoop === undefined || !name.includes('loop'));

describe.each(spares)('on $name', ({ make }) => {
  it('creates, takes 2,048 remaps, commits, and is the same when it is opened again; entry 2,049 is refused', async () => {
    const { device, dispose } = await make();
    const store = await MetadataStore.create(device, { mainSectors, now });
    expect(store.sequence).toBe(1n);
    for (let index = 0; index < 2048; index++) store.table.add(index * 3);
    const report = await store.commit();
    expect(report).toMatchObject({ sequence: 2n, finds: 'new', degraded: [] });
    expect(report.copies.map(({ outcome }) => outcome)).toEqual(Array(5).fill('written'));
    expect(() => store.table.add(999_999)).toThrow(expect.objectContaining({ code: 'ERR_TABLE_FULL' }));

    const again = await MetadataStore.open(device, { now });
    expect([...again.table]).toEqual([...store.table]);
    expect(again.sequence).toBe(2n);
    const found = await examineDevice(device, { now: drawnNow });
    expect(found.copies.map(({ slot }) => slot.state)).toEqual(Array(5).fill('valid'));
    expect(found.copies.map(({ slot }) => (slot.state === 'valid' ? slot.header.copyIndex : -1))).toEqual([
      0, 1, 2, 3, 4,
    ]);
    expect(found.copies.map(({ driverRejects }) => driverRejects)).toEqual(Array(5).fill(null));
    expect(found.elections).toMatchObject({
      driver: { copy: 0, sequence: 2n },
      ours: { copy: 0, sequence: 2n },
      agree: true,
    });
    expect(found.activation).toMatchObject({ verdict: 'keeps', reasons: [] });
    // Single sectors: on blocks of 4,096 bytes the module would never match them.
    const parts = device.info.logicalBlockSize === 4096 ? ['unaligned-entries'] : [];
    expect(found.lints.map(({ id }) => id).sort()).toEqual(['handover', ...parts]);
    await dispose();
  });
});

/** A device in memory with five drawn slots, and room behind them. */
function drawnDevice(disk: string): MemoryDevice {
  const image = new Uint8Array(spareBytes);
  drawDisk(disk).forEach((slot, copy) => {
    if (slot instanceof Uint8Array) image.set(slot, copy * slotBytes);
  });
  return new MemoryDevice(image);
}

const slotOf = (device: MemoryDevice, copy: number) =>
  device.bytes.subarray(copy * slotBytes, (copy + 1) * slotBytes);

describe('creating', () => {
  it('refuses what looks like metadata, in either geometry, and changes nothing', async () => {
    for (const disk of ['7 - - - -', '- - - - x', '- m - - -', 's - - - -', '- - v - -', '- - - 7h -']) {
      const device = drawnDevice(disk);
      const before = device.bytes.slice();
      const creating = MetadataStore.create(device, { mainSectors, now });
      await expect(creating).rejects.toMatchObject({ code: 'ERR_METADATA_EXISTS' });
      expectBytes(device.bytes, before);
    }
    const documented = new MemoryDevice(spareBytes);
    documented.bytes.set(drawSlot(), 8192 * 512);
    await expect(MetadataStore.create(documented, { mainSectors, now })).rejects.toMatchObject({
      code: 'ERR_METADATA_EXISTS',
    });
  });

  it.each([
    ['mkfs.ext4', ['-q', '-F'], 'ext4'],
    ['mkswap', ['-q'], 'swap'],
  ])('refuses what %s has made, and changes nothing', async (program, options, word) => {
    const path = zeroFile(join(folder, program), spareBytes);
    execFileSync(program, [...options, path], { stdio: 'ignore' });
    const before = readFileSync(path);
    await expect(MetadataStore.create(path, { mainSectors, now })).rejects.toMatchObject({
      code: 'ERR_DATA_PRESENT',
      message: expect.stringContaining(word),
    });
    expectBytes(readFileSync(path), before);
    await (await MetadataStore.create(path, { mainSectors, now, force: true })).close();
  });

  it('replaces it when it is told to, outranking all that was there', async () => {
    const device = drawnDevice('7 7 9h x 41+');
    await MetadataStore.create(device, { mainSectors, now, force: true });
    const report = await examineDevice(device, { now: drawnNow });
    expect(report.elections.ours).toEqual({ copy: 0, sequence: 42n });
    expect(report.entries).toEqual([]);
    expect(report.ghosts).toEqual([]);
  });

  it('leaves zero in all that it does not know, the rest of the slot included', async () => {
    const device = new MemoryDevice(spareBytes);
    device.bytes.fill(0xee);
    const creating = MetadataStore.create(device, { mainSectors, now });
    await expect(creating).rejects.toMatchObject({
      code: 'ERR_DATA_PRESENT',
      message: 'memory: it holds 655360 bytes that are not zero, from offset 0 on',
    });
    expectBytes(device.bytes, new Uint8Array(spareBytes).fill(0xee));
    await MetadataStore.create(device, { mainSectors, now, force: true });
    for (let copy = 0; copy < 5; copy++) {
      expectBytes(slotOf(device, copy).subarray(312), new Uint8Array(slotBytes - 312));
    }
    expectBytes(device.bytes.subarray(5 * slotBytes, 6 * slotBytes), new Uint8Array(slotBytes).fill(0xee));
  });

  it('takes what fits a short spare, refuses a single copy, and refuses none at all', async () => {
    const two = new MemoryDevice(300 * 1024);
    await MetadataStore.create(two, { mainSectors, now });
    const report = await examineDevice(two, { now: drawnNow });
    expect(report.copies.map(({ slot }) => slot.state)).toEqual([
      'valid',
      'valid',
      'absent',
      'absent',
      'absent',
    ]);
    const one = new MemoryDevice(200 * 1024);
    await expect(MetadataStore.create(one, { mainSectors, now })).rejects.toMatchObject({
      code: 'ERR_SINGLE_COPY',
    });
    expectBytes(one.bytes, new Uint8Array(200 * 1024));
    await MetadataStore.create(one, { mainSectors, now, allowUnsafe: true });
    expect((await examineDevice(one, { now: drawnNow })).elections.ours).toEqual({ copy: 0, sequence: 1n });
    const none = new MemoryDevice(100 * 1024);
    await expect(MetadataStore.create(none, { mainSectors, now })).rejects.toMatchObject({
      code: 'ERR_DEVICE_TOO_SMALL',
    });
  });

  it('refuses arguments that are none', async () => {
    const device = new MemoryDevice(spareBytes);
    const rows: readonly (readonly [object, string])[] = [
      [{}, 'ERR_INVALID_ARG_TYPE'],
      [{ mainSectors: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ mainSectors: 0n }, 'ERR_OUT_OF_RANGE'],
      [{ mainSectors: 2n ** 64n }, 'ERR_OUT_OF_RANGE'],
      [{ mainSectors, spareSectors: 0n }, 'ERR_OUT_OF_RANGE'],
      [{ mainSectors, geometry: 'mine' }, 'ERR_INVALID_ARG_VALUE'],
      [{ mainSectors, copyIndex: 3 }, 'ERR_INVALID_ARG_VALUE'],
      [{ mainSectors, spacing: 2 }, 'ERR_INVALID_ARG_VALUE'],
      [{ mainSectors, now: 5 }, 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [options, code] of rows) {
      await expect(MetadataStore.create(device, options as never)).rejects.toMatchObject({ code });
    }
    await expect(MetadataStore.create(device, null as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(MetadataStore.open(7 as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expectBytes(device.bytes, new Uint8Array(spareBytes));
  });
});

describe('opening', () => {
  it('refuses where no copy can be used', async () => {
    for (const disk of ['- - - - -', 'x x x - v', 's - - - -', 'g g g g g']) {
      await expect(MetadataStore.open(drawnDevice(disk), { now })).rejects.toMatchObject({
        code: 'ERR_NO_METADATA',
      });
    }
  });

  it.each([
    ['9 9 2r 2r 2r', 'a regression'],
    ['7 7 7f 7f 7', 'a fork'],
    ['9+ 9+ 7 7 7', 'a disagreement'],
  ])('%s is %s: for reading it opens, for writing the copy has to be named', async (disk) => {
    const device = drawnDevice(disk);
    const before = device.bytes.slice();
    await MetadataStore.open(device, { now });
    await expect(MetadataStore.open(device, { now, mode: 'write' })).rejects.toMatchObject({
      code: 'ERR_METADATA_AMBIGUOUS',
    });
    const store = await MetadataStore.open(device, { now, mode: 'write', copy: 2 });
    expectBytes(device.bytes, before);
    await store.commit();
    const report = await examineDevice(device, { now: drawnNow });
    expect(report.ambiguities).toEqual([]);
    expect(report.entries).toHaveLength(1);
    expect(report.entries[0]?.spareSector).toBe(
      store.table.lookup([...store.table][0]?.originalSector ?? 0n),
    );
    expect(report.copies.every(({ slot }) => slot.state === 'valid')).toBe(true);
  });

  it('refuses a named copy that is not valid', async () => {
    const device = drawnDevice('7 x - 7 7');
    for (const copy of [1, 2]) {
      await expect(MetadataStore.open(device, { now, copy })).rejects.toMatchObject({
        code: 'ERR_COPY_NOT_VALID',
      });
    }
    await expect(MetadataStore.open(device, { now, copy: 5 })).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  it('leaves the device byte for byte as it was', async () => {
    const device = drawnDevice('7 x - 6 7');
    const before = device.bytes.slice();
    await MetadataStore.open(device, { now, mode: 'write' });
    expectBytes(device.bytes, before);
  });
});

describe('committing', () => {
  it('rises above every sequence whose checksum holds, also of copies that nobody would take', async () => {
    for (const [disk, expected] of [
      ['7 7 7 7 7', 8n],
      ['7 7 9h 7 7', 10n],
      ['7 7 x 7 7', 8n],
      ['7 7 50+ 7 7', 51n],
    ] as const) {
      const store = await MetadataStore.open(drawnDevice(disk), { now, mode: 'write', copy: 0 });
      expect((await store.commit()).sequence).toBe(expected);
    }
  });

  it('refuses to go past the last sequence', async () => {
    const device = new MemoryDevice(spareBytes);
    for (let copy = 0; copy < 5; copy++)
      device.bytes.set(drawSlot({ sequence: 2n ** 64n - 1n }), copy * slotBytes);
    const before = device.bytes.slice();
    const store = await MetadataStore.open(device, { now, mode: 'write' });
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_SEQUENCE_EXHAUSTED' });
    expectBytes(device.bytes, before);
  });

  it.each([
    ['in the past', -50n, 0n],
    ['ahead of the clock, within a day', 86_400n, 86_400n],
    ['further ahead', 86_401n, 0n],
  ])('of a table dated %s is dated so that the module takes it', async (_, dated, expected) => {
    const device = new MemoryDevice(spareBytes);
    for (let copy = 0; copy < 5; copy++)
      device.bytes.set(drawSlot({ timestamp: drawnNow + dated }), copy * slotBytes);
    const store = await MetadataStore.open(device, { now, mode: 'write', copy: 0 });
    await store.commit();
    const { shown, copies } = await examineDevice(device, { now: drawnNow });
    expect(shown?.slot.header.timestampSeconds).toBe(unixSeconds(drawnNow + expected));
    expect(copies.every(({ driverRejects }) => driverRejects === null)).toBe(true);
  });

  it('keeps what it does not know: reserved, padding, expansion, ghosts, and the rest of each slot', async () => {
    const device = new MemoryDevice(spareBytes);
    const marks: readonly (readonly [number, number])[] = [
      [36, 1],
      [117, 2],
      [312 + 36, 3],
      [312 + 2000 * 40, 4],
      [82_240 + 77, 5],
      [84_287, 6],
    ];
    for (let copy = 0; copy < 5; copy++) {
      let slot = drawSlot({ remaps: [[1n, 3000n]] });
      for (const [offset, value] of marks) slot = patchSlot(slot, offset, [value]);
      slot.fill(0x50 + copy, structureBytes);
      device.bytes.set(slot, copy * slotBytes);
    }
    const store = await MetadataStore.open(device, { now, mode: 'write' });
    store.table.add(5);
    await store.commit();
    for (let copy = 0; copy < 5; copy++) {
      const slot = slotOf(device, copy);
      for (const [offset, value] of marks) expect(slot[offset]).toBe(value);
      expectBytes(
        slot.subarray(structureBytes),
        new Uint8Array(slotBytes - structureBytes).fill(0x50 + copy),
      );
    }
  });

  it('writes copy index zero into all five where the module’s way is asked for', async () => {
    const device = new MemoryDevice(spareBytes);
    await MetadataStore.create(device, { mainSectors, now, copyIndex: 'zero' });
    const { copies } = await examineDevice(device, { now: drawnNow });
    expect(copies.map(({ slot }) => (slot.state === 'valid' ? slot.header.copyIndex : -1))).toEqual([
      0, 0, 0, 0, 0,
    ]);
  });

  it('names eight of the remaps that stand in the way, and how many more there are', async () => {
    const remaps = Array.from({ length: 11 }, (_, at) => [BigInt(at), BigInt(8 * at)] as const);
    const image = new Uint8Array(2 * slotBytes);
    for (const copy of [0, 1]) image.set(drawSlot({ remaps, copyIndex: copy }), copy * slotBytes);
    const store = await MetadataStore.open(new MemoryDevice(image), { now, mode: 'write' });
    await expect(store.commit()).rejects.toThrow(/11 remapped sectors .*\(0 -> 0, .* 7 -> 56 and 3 more\)/);
  });

  it('refuses while live data lies inside the metadata region, unless it is told otherwise', async () => {
    const device = new MemoryDevice(goldenBytes('real_autoremap'));
    const before = device.bytes.slice();
    const clock = () => unixSeconds(1_795_400_000);
    const store = await MetadataStore.open(device, { now: clock, mode: 'write' });
    const refusal = expect.objectContaining({
      code: 'ERR_DATA_IN_METADATA',
      message: expect.stringContaining('1004 -> 0'),
    });
    await expect(store.commit()).rejects.toEqual(refusal);
    expectBytes(device.bytes, before);
    await expect(store.commit({ allowDataInMetadata: true })).resolves.toMatchObject({ finds: 'new' });
  });

  it('is refused by a store that was opened for reading, and by one that is closed', async () => {
    const reader = new MemoryDevice(drawnDevice('7 7 7 7 7').bytes, { writable: false });
    const store = await MetadataStore.open(reader, { now });
    await expect(store.commit()).rejects.toMatchObject({ code: 'ERR_STORE_READ_ONLY' });
    await expect(MetadataStore.open(reader, { now, mode: 'write' })).rejects.toMatchObject({
      code: 'ERR_STORE_READ_ONLY',
    });
    const writer = await MetadataStore.open(drawnDevice('7 7 7 7 7'), { now, mode: 'write' });
    await writer.close();
    await expect(writer.commit()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' });
  });
});
