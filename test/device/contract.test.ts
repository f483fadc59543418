import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import { enginesToTry } from '../../lib/device/engines.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { openDevice } from '../../lib/device/native-device.js';
import { stuckLoop } from '../stuck/loop.js';
import { whyNo } from '../stuck/reasons.js';
import { stuckFile } from '../stuck/stuck-file.js';
import { loopDevice, scratchFolder, whyNoLoop, zeroFile } from '../support/scratch.js';
import { share } from '../support/tier.js';
import { deviceContract } from './contract.js';

const bytes = 1024 * 1024;
const folder = scratchFolder();
let files = 0;
const newFile = () => zeroFile(join(folder, `image-${++files}`), bytes);

deviceContract('a device in memory', async () => {
  let device = new MemoryDevice(bytes);
  const reopen = async () => {
    device = new MemoryDevice(device.bytes);
    return device;
  };
  return { device, reopen, content: () => device.bytes, dispose: async () => void (await device.close()) };
});

const engines = enginesToTry();

for (const engine of engines) {
  deviceContract(`${engine} on a file`, async () => {
    const path = newFile();
    const reopen = () => openDevice(path, { mode: 'write', engine });
    const device = await reopen();
    return {
      device,
      content: () => readFileSync(path),
      reopen,
      dispose: async () => void (await device.close()),
    };
  });
}

const noLoop = whyNoLoop();
describe.skipIf(noLoop !== undefined)(noLoop ?? 'block devices', () => {
  const rows = engines.flatMap((engine) => [512, 4096].map((sectorSize) => ({ engine, sectorSize })));
  for (const { engine, sectorSize } of share(rows, 4)) {
    deviceContract(`${engine} on a loop device with logical blocks of ${sectorSize}`, async () => {
      const loop = loopDevice(newFile(), ['--sector-size', String(sectorSize)]);
      const reopen = () => openDevice(loop.path, { mode: 'write', engine });
      const device = await reopen();
      return {
        device,
        reopen,
        content: () => readFileSync(loop.path),
        dispose: async () => {
          await device.close();
          loop.detach();
        },
      };
    });
  }
});

const fuseDevices = [
  ['a file on FUSE', 'stuckFile', stuckFile],
  ['a loop device over FUSE', 'stuckLoop', stuckLoop],
] as const;
for (const [title, fixture, make] of fuseDevices) {
  const no = whyNo(fixture);
  describe.skipIf(no !== undefined)(no ?? 'file systems of processes', () => {
    for (const engine of share(engines, 3)) {
      deviceContract(`${engine} on ${title}`, async () => {
        const disk = await make({ sizeBytes: bytes });
        const reopen = () => openDevice(disk.path, { mode: 'write', engine });
        const device = await reopen();
        return {
          device,
          reopen,
          content: () => disk.medium(),
          dispose: async () => {
            await device.close();
            await disk[Symbol.asyncDispose]();
          },
        };
      });
    }
  });
}
