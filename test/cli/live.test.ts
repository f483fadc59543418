// A spare that somebody writes to while it is read, as the kernel module does with one that it holds.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import type { Step, StepResult } from '../../lib/device/request.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { drawnNow, drawSlot } from '../support/disk.js';
import { loopDevice, scratchFolder, whyNoLoop } from '../support/scratch.js';
import { dmremap, documentOf, type Ran } from './harness.js';

const folder = scratchFolder();
const tableOf = (sequence: bigint) => Array.from({ length: 5 }, () => drawSlot({ sequence }));
const old = Buffer.concat([...tableOf(1n), new Uint8Array(2 ** 22 - 655_360)]);

/** A block device that we do not hold. Each time that copy 0 is read, a part of a commit has come before. */
class LiveDevice extends MemoryDevice {
  readonly #changes: ((bytes: Uint8Array) => void)[];
  readings = 0;

  constructor(changes: readonly ((bytes: Uint8Array) => void)[]) {
    const { info } = new MemoryDevice(old);
    super(old, { standsFor: { ...info, kind: 'block', writable: false } });
    this.#changes = [...changes];
  }

  protected override transfer(step: Step): StepResult {
    const result = super.transfer(step);
    if (step.kind === 'read' && step.offset === 0n) {
      this.readings += 1;
      this.#changes.shift()?.(this.bytes);
    }
    return result;
  }
}

const writes = (copies: readonly number[], sequence: bigint) => (bytes: Uint8Array) => {
  for (const copy of copies) bytes.set(drawSlot({ sequence }), copy * 131_072);
};
const commit = [writes([0, 1], 2n), writes([2, 3, 4], 2n)];
const endless = Array.from({ length: 99 }, (_, at) => writes([4], BigInt(at + 2)));

const commands = [
  ['examine'],
  ['check'],
  ['map'],
  ['dump'],
  ['export', '--format=json'],
  ['remap', 'list'],
  ['remap', 'lookup'],
  ['backup'],
  ['repair'],
] as const;

const run = (words: readonly string[], device: MemoryDevice, ...more: string[]): Promise<Ran> => {
  const last = { lookup: '1000', backup: join(mkdtempSync(join(folder, 'to-')), 'file') }[words.at(-1) ?? ''];
  const argv = [...words, ...more, '/dev/spare', ...(last === undefined ? [] : [last])];
  return dmremap(folder, argv, { openDevice: async () => device });
};

describe.each(commands.map((words) => [words.join(' '), words] as const))('%s', (_, words) => {
  test('reads again what changed between two readings, and says so', async () => {
    const ran = await run(words, new LiveDevice(commit), '--json');
    expect(ran.stderr).toContain('dmremap: warning: /dev/spare: it was written to while it was read: ');
    const document = documentOf(ran.stdout);
    expect(document).toMatchObject({ changedWhileRead: true, stillChanging: false });
    //  What is told is the new table, of all copies.
    expect(JSON.stringify(document)).not.toMatch(/"sequence(Number)?":"1"/);
  });

  test('ends with 4 where it changes each time, and does not read for ever', async () => {
    const device = new LiveDevice(endless);
    const ran = await run(words, device, '--json');
    expect(ran.status).toBe(4);
    expect(ran.stderr).toContain('what is told may be of two moments');
    expect(documentOf(ran.stdout)).toMatchObject({ changedWhileRead: true, stillChanging: true });
    expect(device.readings).toBe(6);
  });

  test('says nothing where nothing changes', async () => {
    const device = new LiveDevice([]);
    const ran = await run(words, device, '--json');
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(documentOf(ran.stdout)).toMatchObject({ changedWhileRead: false, stillChanging: false });
    expect(device.readings).toBe(2);
  });
});

const held = { state: 'held', by: 'the kernel module has it in the mapped device disk' } as const;

test.each(commands.map((words) => [words.join(' '), words] as const))(
  '%s says that the spare is in use, and may be ahead in memory',
  async (_, words) => {
    const argv = [...words, '--json', '/dev/spare'];
    const more: Readonly<Record<string, string>> = {
      lookup: '1000',
      backup: join(mkdtempSync(join(folder, 'to-')), 'file'),
    };
    const last = more[words.at(-1) ?? ''];
    const asked: string[] = [];
    const ran = await dmremap(folder, [...argv, ...(last === undefined ? [] : [last])], {
      openDevice: async () => new LiveDevice([]),
      inUse: async ({ kind }) => {
        asked.push(kind);
        return held;
      },
    });
    //  In the way of nothing: it is read all the same.
    expect(ran).toMatchObject({
      status: 0,
      stderr: `dmremap: note: /dev/spare: in use: ${held.by}; the table in memory may be ahead of the disk\n`,
    });
    expect(asked).toEqual(['block']);
    if (words[0] !== 'repair') expect(documentOf(ran.stdout)).toMatchObject({ inUse: held });
  },
);

test('a dump that says who used the spare can be restored', async () => {
  const options = { openDevice: async () => new LiveDevice([]), inUse: async () => held };
  const { stdout } = await dmremap(folder, ['dump', '--json', '/dev/spare'], options);
  const [dump, spare] = [join(folder, 'table.json'), join(folder, 'restored.img')];
  writeFileSync(dump, stdout);
  const ran = await dmremap(folder, ['restore', '--dump', dump, '--output', spare]);
  expect(ran.status).toBe(0);
});

test('of a file the lock, and the loop device over it, say that it is in use', async () => {
  const path = join(folder, 'locked.img');
  writeFileSync(path, old);
  const used = async () => documentOf((await dmremap(folder, ['check', '--json', path])).stdout).inUse;
  const before = await used();
  expect(before).not.toMatchObject({ state: 'held' });
  {
    await using _ = await openDevice(path, { mode: 'write' });
    expect(await used()).toEqual({
      state: 'held',
      by: expect.stringMatching(new RegExp(`^process ${process.pid} .*holds its lock$`)),
    });
  }
  expect(await used()).toEqual(before);
  if (whyNoLoop() !== undefined) return;
  const loop = loopDevice(path);
  expect(await used()).toEqual({ state: 'held', by: `it is the backing file of ${loop.path}` });
  loop.detach();
});

test('data of remapped sectors behind the structures may change as it likes', async () => {
  const slack = Array.from(
    { length: 99 },
    (_, at) => (bytes: Uint8Array) => void bytes.fill(at, 100_000, 101_000),
  );
  for (const words of commands) {
    expect(await run(words, new LiveDevice(slack))).toMatchObject({ status: 0, stderr: '' });
  }
});

test('so is a file, whose writer need not lock it', async () => {
  const path = join(folder, 'spare.img');
  writeFileSync(path, old);
  const examined = async (between: () => void) => {
    await using device = await openDevice(path, { mode: 'read' });
    let readings = 0;
    const read = device.read.bind(device);
    device.read = (offset, ...rest) => {
      if (offset === 0n && ++readings === 2) between();
      return read(offset, ...rest);
    };
    const { changedWhileRead, stillChanging } = await examineDevice(device, { now: drawnNow });
    return { changedWhileRead, stillChanging, readings };
  };
  const quiet = { changedWhileRead: false, stillChanging: false, readings: 2 };
  expect(await examined(() => {})).toEqual(quiet);
  const writes = () => writeFileSync(path, Buffer.concat(tableOf(2n)), { flag: 'r+' });
  expect(await examined(writes)).toEqual({ changedWhileRead: true, stillChanging: false, readings: 3 });
  expect(await examined(() => {})).toEqual(quiet);
});

test.skipIf(whyNoLoop())('a block device that is held elsewhere is read', async () => {
  const path = join(folder, 'loop.img');
  writeFileSync(path, old);
  const loop = loopDevice(path);
  await using _held = await openDevice(loop.path, { mode: 'write' });
  for (const words of [['examine'], ['check'], ['remap', 'list']]) {
    const ran = await dmremap(folder, [...words, '--json', loop.path]);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toMatch(
      new RegExp(`^dmremap: note: ${loop.path}: in use: process ${process.pid} .* has it open for writing; `),
    );
  }
  //  The file beneath it, too: the loop device may write to it.
  const beneath = await dmremap(folder, ['check', path]);
  expect(beneath.status).toBe(0);
  expect(beneath.stderr).toMatch(/in use: it is the backing file of /);
});
