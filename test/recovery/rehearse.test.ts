// What is tried out in memory says nothing of the disk when it ends half-way.
import { expect, it } from 'vitest';
import { OperationError } from '../../lib/base/errors.js';
import { byteOffset } from '../../lib/base/units.js';
import type { Device } from '../../lib/device/device.js';
import { metadataRegionBytes } from '../../lib/format/geometry.js';
import { handover } from '../../lib/recovery/handover.js';
import { readRegion } from '../../lib/recovery/region.js';
import { rehearse } from '../../lib/recovery/rehearse.js';
import { drawnNow } from '../support/disk.js';
import { drawnDevice, now } from '../support/spare.js';

const block = new Uint8Array(512);
const inside = { offset: byteOffset(0n), bytes: block };
const behind = { offset: byteOffset(BigInt(metadataRegionBytes)), bytes: block };

async function failureOf(operate: (stage: Device) => Promise<unknown>) {
  const device = drawnDevice('7 7 7 7 7');
  const region = await readRegion(device, () => ({}));
  const error = await rehearse(device, region, drawnNow, operate).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OperationError);
  expect(await (error as OperationError).drained).toBe('untouched');
  return error;
}

it('an abort between two writes of the stage has touched nothing, and keeps its reason', async () => {
  const controller = new AbortController();
  let isBegun = false;
  const error = await failureOf((stage) => {
    const write = stage.writeOrdered.bind(stage);
    stage.writeOrdered = (groups, options) => {
      isBegun = true;
      setImmediate(() => controller.abort('enough'));
      return write(groups, options);
    };
    return handover(stage, { now, signal: controller.signal });
  });
  expect(isBegun).toBe(true);
  expect(error).toMatchObject({ code: 'ABORT_ERR', outcome: 'untouched', cause: 'enough' });
  expect(error).not.toHaveProperty('copies');
});

it('a write behind what was read fails, after another that only the stage has', async () => {
  const error = await failureOf((stage) => stage.writeOrdered([[inside], [behind]]));
  expect(error).toMatchObject({ code: 'ERR_IO', errno: 'EFBIG', outcome: 'untouched' });
  expect(error).toMatchObject({ cause: { outcome: 'unknown' } });
  expect(error).not.toHaveProperty('writes');
});
