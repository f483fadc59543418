// Room: bench. A device that the side before has just closed. The kernel lets go of a file when the last of its writes is put away, which
// can be a moment after that write was told and the descriptor closed: until then the device is held.
import { setTimeout as delay } from 'node:timers/promises';
import { openDevice } from '../../dist/index.js';

/** `openDevice`, once the device is free. @throws as that does; ERR_DEVICE_BUSY where it is held for 2 s. */
export async function heldDevice(path, options, { open = openDevice, patienceMs = 2000 } = {}) {
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      return await open(path, options);
    } catch (error) {
      if (error.code !== 'ERR_DEVICE_BUSY' || performance.now() > end) throw error;
      await delay(5);
    }
  }
}
