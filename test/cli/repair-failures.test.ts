// `dmremap repair --apply` where it does not go as planned: a device that cannot be read or written, an abort, a deadline.
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import type { Step } from '../../lib/device/request.js';
import { slotBytes } from '../../lib/format/structure.js';
import { folder, spare } from '../support/own-folder.js';
import { SpyDevice } from '../support/spy-device.js';
import { backupsIn, dmremap, documentOf, drawFile, type Overrides, stateOf, undo } from './harness.js';

const drawnFile = (disk: string) => drawFile(spare, disk);

/** Cannot be read at some places, until they are written. */
class WornDevice extends MemoryDevice {
  constructor(
    path: string,
    readonly bad: bigint[],
  ) {
    super(Buffer.from(stateOf(path).bytes, 'latin1'), { path });
  }
  protected override transfer(step: Step) {
    const at = this.bad.indexOf(step.offset);
    if (at >= 0 && step.kind === 'read') return { outcome: 'unknown', error: 5 } as const;
    if (at >= 0 && step.kind === 'write' && step.bytes.length > 4096) this.bad.splice(at, 1);
    return super.transfer(step);
  }
}

const repair = (device: MemoryDevice | SpyDevice, options: readonly string[], overrides: Overrides = {}) =>
  dmremap(folder, ['repair', '--apply', ...options, device.info.path], {
    openDevice: async () => device,
    ...overrides,
  });

describe('a copy that cannot be read', () => {
  const at = BigInt(2 * slotBytes);

  test('is left alone: nothing is written, and damage is left', async () => {
    const device = new WornDevice(drawnFile('7 7 9 7 7'), [at]);
    const before = device.bytes.slice();
    const ran = await repair(device, []);
    expect(ran).toMatchObject({ status: 4, stderr: '' });
    expect(ran.stdout).toMatch(/: nothing is rewritten unasked: copy 2 cannot be read\n/);
    expect(ran.stdout).toMatch(/\n +- +2 +leave +cannot be read, and what it holds could be newer/);
    expect(ran.stdout).toMatch(
      /\n {2}--rewrite-unreadable rewrites copy 2 too: what is there is lost then\nnothing was written\n$/,
    );
    expect(Buffer.compare(device.bytes, before)).toBe(0);
    const json = await repair(new WornDevice(device.info.path, [at]), ['--json']);
    expect(documentOf(json.stdout)).toMatchObject({ mode: 'nothing', applied: false, exitStatus: 4 });
  });

  test('stands in the way of rewriting others, since it could be newer', async () => {
    const device = new WornDevice(drawnFile('7 x 9 7 7'), [at]);
    const before = device.bytes.slice();
    const ran = await repair(device, []);
    expect(ran).toMatchObject({ status: 8, stdout: '' });
    expect(ran.stderr).toMatch(
      /\(ERR_IO\)\n {2}--rewrite-unreadable rewrites copy 2 too: what is there is lost then\n {2}nothing was written\n$/,
    );
    expect(Buffer.compare(device.bytes, before)).toBe(0);
  });

  test('is no part of the backup, and undoing leaves it alone', async () => {
    const path = drawnFile('7 x 9 7 7');
    const before = stateOf(path).bytes;
    const device = new WornDevice(path, [at]);
    const ran = await repair(device, ['--rewrite-unreadable']);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toContain(`of ${path} without copy 2, which cannot be read, to `);
    expect(ran.stdout).toMatch(/\nrewrote copies 1 and 2: sequence 7\n/);
    writeFileSync(path, device.bytes);
    undo(ran.stderr, folder, path);
    const undone = stateOf(path).bytes;
    const [start, end] = [2 * slotBytes, 3 * slotBytes];
    expect(undone.slice(0, start) + undone.slice(end)).toBe(before.slice(0, start) + before.slice(end));
    expect(undone.slice(start, end)).toBe(Buffer.from(device.bytes.subarray(start, end)).toString('latin1'));
  });
});

describe('a write that fails', () => {
  test('on one copy leaves it to repair, with 5', async () => {
    const spy = new SpyDevice(new WornDevice(drawnFile('7 x - 6 7'), []));
    spy.faults.push({ offset: BigInt(2 * slotBytes), errno: 'EIO' });
    const ran = await repair(spy, []);
    expect(ran.status).toBe(5);
    expect(ran.stdout).toMatch(
      /\nrewrote copies 1 and 3: sequence 7\ncopy 2 could NOT be written \(EIO\)\nread back: .*\nLEFT to repair:\n {2}copy 2 is blank\n$/,
    );
  });

  test('on every copy is a failure, with damage left', async () => {
    const spy = new SpyDevice(new WornDevice(drawnFile('7 7 - 7 7'), []));
    spy.faults.push({ offset: BigInt(2 * slotBytes), errno: 'EIO' });
    const ran = await repair(spy, ['--json']);
    expect(ran.status).toBe(12);
    expect(documentOf(ran.stdout)).toMatchObject({
      commit: { degraded: [2], copies: [{}, {}, { outcome: 'unknown', reason: 'EIO' }, {}, {}] },
      left: ['copy 2 is blank'],
      exitStatus: 12,
    });
  });
});

/** Hangs at its first durable batch, and tells when it does. */
class StuckDevice extends WornDevice {
  onStuck = () => {};
  override writeOrdered(...args: Parameters<MemoryDevice['writeOrdered']>) {
    this.stall();
    setImmediate(() => this.onStuck());
    return super.writeOrdered(...args);
  }
}

describe('an abort', () => {
  test('tells copy by copy what is known, and that a reader finds the elected table', async () => {
    const device = new StuckDevice(drawnFile('7 x - 6 7'), []);
    const controller = new AbortController();
    device.onStuck = () => controller.abort();
    const ran = await repair(device, ['--json'], { signal: controller.signal });
    expect(ran).toMatchObject({ status: 32, stdout: '' });
    expect(ran.stderr).toMatch(/; a reader finds the elected table \(ABORT_ERR\)\n/);
    expect(ran.stderr).toContain('  copy 0  untouched (good)\n');
    expect(ran.stderr).toContain('  copy 2  unknown: as it was, rewritten or torn\n');
    expect(ran.stderr).toContain(
      'a reader would find now: the elected table; the same command again goes on\n',
    );
    expect(ran.stderr).not.toMatch(/old|new/);
    expect(backupsIn(folder)).toHaveLength(1);
  });

  test('of a commit of a named copy speaks of the new table and of what won before', async () => {
    const device = new StuckDevice(drawnFile('9 9 2r 2r 2r'), []);
    const controller = new AbortController();
    device.onStuck = () => controller.abort();
    const ran = await repair(device, ['--use=copy=2'], { signal: controller.signal });
    expect(ran.status).toBe(32);
    expect(ran.stderr).toContain(
      'a reader would find now: the new table (sequence 10), the one that was named, or what won before\n',
    );
  });

  test('a deadline is the deadline of the whole command', async () => {
    const ran = await repair(new StuckDevice(drawnFile('7 x 7 7 7'), []), ['--timeout=700']);
    expect(ran).toMatchObject({ status: 32, stderr: expect.stringContaining('(ERR_TIMEOUT)') });
    const late = await dmremap(folder, ['repair', '--timeout=0', drawnFile('7 x 7 7 7')]);
    expect(late).toMatchObject({ status: 32, stdout: '', stderr: expect.stringContaining('(ERR_TIMEOUT)') });
  });
});
