// Errors of a medium, narrowed down, and what an abort in between says.
import { expect, it } from 'vitest';
import { AbortRequest } from '../../lib/base/cancellable.js';
import { LyingDevice } from '../../lib/device/lying-device.js';
import { Effects, InFlight } from '../../lib/target/effects.js';
import { Medium } from '../../lib/target/medium.js';

const listener = { failed: () => {}, succeeded: () => {} };

/** Aborts a signal as soon as a write has failed, before anybody hears of that. */
class AbortingDevice extends LyingDevice {
  readonly controller = new AbortController();

  override write(...args: Parameters<LyingDevice['write']>) {
    const write = super.write(...args);
    write.catch(() => this.controller.abort(new AbortRequest('ABORT_ERR', undefined)));
    return write;
  }
}

it('a write that tore, and whose halves were never begun, is not untouched', async () => {
  const device = new AbortingDevice(8 * 512);
  device.lay({ fault: 'torn', atomicity: 512 }, { on: 'write' });
  const medium = new Medium('main', device, 1, listener, new InFlight());
  const effects = new Effects();
  const { signal } = device.controller;
  const write = medium.write(0n, new Uint8Array(4 * 512).fill(7), { signal }, effects);
  await expect(write).rejects.toMatchObject({ code: 'ABORT_ERR', outcome: 'untouched' });
  expect(device.count.write).toBe(1);
  expect(device.bytes).toContain(7);
  expect(effects.outcome).toBe('unknown');
});
