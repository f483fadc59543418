import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { engineNames } from '../../lib/device/engines.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { deviceContract } from './contract.js';

const bytes = 1024 * 1024;
const folder = scratchFolder();
let files = 0;
const newFile = () => zeroFile(join(folder, `image-${++files}`), bytes);

deviceContract('a device in memory', async () => {
  const device = new MemoryDevice(bytes);
  return { device, content: () => device.bytes, dispose: async () => void (await device.close()) };
});

for (const engine of engineNames) {
  deviceContract(`${engine} on a file`, async () => {
    const path = newFile();
    const device = await openDevice(path, { mode: 'write', engine });
    return { device, content: () => readFileSync(path), dispose: async () => void (await device.close()) };
  });
}

const noLoop = whyNoLoop();
describe.skipIf(noLoop !== undefined)(noLoop ?? 'block devices', () => {
  const rows = engineNames.flatMap((engine) => [512, 4096].map((sectorSize) => ({ engine, sectorSize })));
  for (const { engine, sectorSize } of rows) {
    deviceContract(`${engine} on a loop device with logical blocks of ${sectorSize}`, async () => {
      const loop = loopDevice(newFile(), ['--sector-size', String(sectorSize)]);
      const device = await openDevice(loop.path, { mode: 'write', engine });
      return {
        device,
        content: () => readFileSync(loop.path),
        dispose: async () => {
          await device.close();
          loop.detach();
        },
      };
    });
  }
});
