// What a write command says when its commit does not end well: on a device in memory that hangs when it is written to.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DmremapError } from '../../lib/base/errors.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { goldenBytes } from '../support/golden.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap, type Overrides } from './harness.js';

const folder = scratchFolder();

/** Hangs at its first durable batch, and tells when it does. */
class StuckDevice extends MemoryDevice {
  onStuck = () => {};
  override writeOrdered(...args: Parameters<MemoryDevice['writeOrdered']>) {
    this.stall();
    setImmediate(() => this.onStuck());
    return super.writeOrdered(...args);
  }
}

function stuckDevice(): StuckDevice {
  const image = new Uint8Array(4 * 2 ** 20);
  image.set(goldenBytes('u_one'));
  return new StuckDevice(image, { path: '/dev/spare' });
}

const add = (device: MemoryDevice, options: readonly string[], overrides: Overrides = {}) =>
  dmremap(folder, ['remap', 'add', '--no-backup', ...options, '/dev/spare', '5:4000'], {
    openDevice: async () => device,
    ...overrides,
  });

test('after an abort it tells copy by copy what is known, and does not wait for a device that hangs', async () => {
  const device = stuckDevice();
  const controller = new AbortController();
  device.onStuck = () => controller.abort();
  const { status, stdout, stderr } = await add(device, ['--json'], { signal: controller.signal });
  expect({ status, stdout }).toEqual({ status: 32, stdout: '' });
  expect(stderr).toMatch(/^dmremap: the operation was aborted; .* \(ABORT_ERR\)\n/);
  expect(stderr).toMatch(/\n {2}copy 1 {2}unknown: old, new or torn/);
  expect(stderr.match(/copy \d {2}untouched\n/g)).toHaveLength(4);
  expect(stderr).toContain('a reader would find now: the old table or the new one (sequence 3)\n');
  expect(stderr).toContain('writes are still in flight and may land later');
});

test('what drains in time is told finally', async () => {
  const device = stuckDevice();
  const controller = new AbortController();
  device.onStuck = () => controller.abort();
  const { status, stderr } = await add(device, [], {
    signal: controller.signal,
    drainWaitMs: 60_000,
    onStderr: (text) => text.includes('a reader would find now') && device.resume(),
  });
  expect(status).toBe(32);
  expect(stderr).toMatch(/nothing is in flight any more; finally:\n(.*\n)*? {2}copy 1 {2}written/);
  expect(stderr).toMatch(/a reader finds: the new table \(sequence 3\)\n$/);
});

test('a deadline is the deadline of the whole command', async () => {
  const { status, stderr } = await add(stuckDevice(), ['--timeout=700']);
  expect(status).toBe(32);
  expect(stderr).toMatch(/\(ERR_TIMEOUT\)\n/);
  expect(stderr).toContain('a reader would find now: the old table or the new one');
});

test('a deadline that has passed starts nothing', async () => {
  const opened: string[] = [];
  const openDevice = async (path: string) => {
    opened.push(path);
    return stuckDevice();
  };
  const { status, stderr } = await add(stuckDevice(), ['--timeout=0'], { openDevice });
  expect({ status, opened }).toEqual({ status: 32, opened: [] });
  expect(stderr).toContain('(ERR_TIMEOUT)');
});

test('the backup of a commit that began is kept', async () => {
  const device = stuckDevice();
  const controller = new AbortController();
  device.onStuck = () => controller.abort();
  const ran = await dmremap(folder, ['remap', 'add', '/dev/spare', '5:4000'], {
    openDevice: async () => device,
    signal: controller.signal,
  });
  expect(ran.status).toBe(32);
  expect(readdirSync(join(folder, 'state', 'dmremap'))).toEqual(['spare-20251009T085320Z-seq2.img']);
});

/** Cannot be written at some places. */
class WornDevice extends MemoryDevice {
  constructor(readonly bad: readonly bigint[]) {
    const image = new Uint8Array(4 * 2 ** 20);
    image.set(goldenBytes('u_one'));
    super(image, { path: '/dev/spare' });
  }
  protected override issue(...[spec, listener]: Parameters<MemoryDevice['issue']>) {
    const bad = spec.groups
      .flat()
      .findIndex(({ kind, offset }) => kind === 'write' && this.bad.includes(offset));
    if (bad < 0) return super.issue(spec, listener);
    const steps = spec.groups.flat();
    setImmediate(() =>
      listener.onSettled(
        steps.map(
          (_, at) => ({ outcome: at === bad ? 'unknown' : 'untouched', error: at === bad ? 5 : 0 }) as const,
        ),
        true,
      ),
    );
    return { abort: () => {} };
  }
}

test('a commit that left a copy behind says which, with 4', async () => {
  const { status, stdout } = await add(new WornDevice([131_072n]), []);
  expect(status).toBe(4);
  expect(stdout).toContain('committed sequence 3 to copies 0, 2, 3 and 4\n');
  expect(stdout).toContain('DEGRADED: copy 1 could not be written\n');
});

test('a commit that too few copies took has failed, with 8', async () => {
  const bad = [0n, 131_072n, 262_144n, 393_216n];
  const { status, stdout, stderr } = await add(new WornDevice(bad), []);
  expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
  expect(stderr).toMatch(/^dmremap: .* \(ERR_COMMIT_PARTIAL\)\n/);
  expect(stderr).toMatch(/\n {2}copy 1 {2}unknown: old, new or torn \(EIO\)\n/);
  expect(stderr).toContain('a reader would find now: ');
});

/** Reads nothing any more once it was written to. */
class LostDevice extends MemoryDevice {
  #written = false;
  override writeOrdered(...args: Parameters<MemoryDevice['writeOrdered']>) {
    this.#written = true;
    return super.writeOrdered(...args);
  }
  override read(...args: Parameters<MemoryDevice['read']>) {
    if (this.#written) this.close();
    return super.read(...args);
  }
}

test('a commit that cannot be read back is durable, and the failure is told', async () => {
  const image = new Uint8Array(4 * 2 ** 20);
  image.set(goldenBytes('u_one'));
  const { status, stdout, stderr } = await add(new LostDevice(image), []);
  expect(status).toBe(8);
  expect(stdout).toContain('committed sequence 3 to copies 0, 1, 2, 3 and 4\n');
  expect(stderr).toMatch(
    /^the commit is durable, but it could not be read back:\ndmremap: .* \(ERR_DEVICE_CLOSED\)\n$/,
  );
});

test('a mistake of ours is told as such, on one line', async () => {
  const openDevice = () => Promise.reject(new TypeError('x is not\na function'));
  const { status, stderr } = await add(stuckDevice(), [], { openDevice });
  expect({ status, stderr }).toEqual({
    status: 8,
    stderr: 'dmremap: x is not\\x0aa function (unexpected TypeError)\n',
  });
});

test('a spare that may not be opened is an operation that failed', async () => {
  const openDevice = () =>
    Promise.reject(new DmremapError('ERR_ACCESS', '/dev/spare: access is denied (EACCES)'));
  const { status, stderr } = await add(stuckDevice(), [], { openDevice });
  expect({ status, stderr }).toEqual({
    status: 8,
    stderr: 'dmremap: /dev/spare: access is denied (EACCES) (ERR_ACCESS)\n',
  });
});
