// The library twice in one process, over one addon: as two packages that depend on it in different places can have it.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDevice } from '../../lib/device/native-device.js';
import { scratchFolder, zeroFile } from '../support/scratch.js';

const folder = scratchFolder();
const compiled = new URL('../../dist/index.js', import.meta.url).href;

test('both open, write and close, at the same time', async () => {
  const other = (await import(compiled)) as { openDevice: typeof openDevice };
  const paths = [zeroFile(join(folder, 'one'), 65_536), zeroFile(join(folder, 'other'), 65_536)];
  const [one, two] = await Promise.all([
    openDevice(paths[0] as string, { mode: 'write' }),
    other.openDevice(paths[1] as string, { mode: 'write' }),
  ]);
  const block = new Uint8Array(4096).fill(3);
  await Promise.all(
    [1, 2, 3, 4, 5].flatMap((at) => [one, two].map((device) => device.write(BigInt(at * 4096), block))),
  );
  for (const device of [one, two]) {
    expect(await device.read(4096n, 4096)).toEqual(block);
    expect(await device.close()).toMatchObject({ leftInFlight: 0, released: true });
  }
});
