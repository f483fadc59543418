// Room: bench. Writes to a device, one after the other: each is durable before the next begins.
import { rmSync, writeFileSync } from 'node:fs';
import { openDevice } from '../../dist/index.js';

const bytes = new Uint8Array(4096).fill(1);

export const sides = {
  async write({ path }) {
    writeFileSync(path, new Uint8Array(1 << 20));
    const device = await openDevice(path, { mode: 'write', direct: 'prefer' });
    return {
      operations: 1,
      pass: () => device.write(0n, bytes),
      answer: () => device.info.engine,
      async stop() {
        await device.close();
        rmSync(path);
      },
    };
  },
};
