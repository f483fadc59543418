// Room: cli. A table that comes from a file: a backup, a pre-image, or any image of a spare. What is sealed is proven first.
import { DmremapError } from '../../base/errors.js';
import { type Device, maxTransferBytes } from '../../device/device.js';
import { MemoryDevice } from '../../device/memory-device.js';
import { unsealImage } from '../../format/sealed-image.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import { readSeal } from '../../store/examine/inspect.js';
import type { ValidSlot } from '../../store/table/copies.js';
import type { Context } from '../context.js';
import { ambiguousError } from '../print/ambiguity.js';
import { absolute } from './resolved-path.js';

/** The copy of a file whose table is meant: the one that we elect, or the one that is named. */
export async function tableInFile(context: Context, file: string, copy?: number): Promise<ValidSlot> {
  const path = absolute(context, file);
  const { signal } = context;
  const device = await context.openDevice(path, { mode: 'read', direct: 'prefer', signal });
  try {
    const sealed = (await readSeal(device, { signal })) !== null;
    //  What is examined is what was proven, whatever happens to the file.
    const source = sealed ? await proven(device, file, signal) : device;
    const report = await examineDevice(source, { geometry: 'driver', now: context.now(), copy, signal });
    if (copy === undefined && report.ambiguities.length > 0) throw ambiguousError(report, `${file}: `);
    if (report.shown === null) {
      throw new DmremapError('ERR_NO_METADATA', `${file}: no copy in it can be used`);
    }
    return report.shown;
  } finally {
    await device.close();
  }
}

async function proven(device: Device, file: string, signal: AbortSignal): Promise<MemoryDevice> {
  const image = new Uint8Array(Number(device.info.sizeBytes));
  for (let at = 0; at < image.length; at += maxTransferBytes) {
    const length = Math.min(maxTransferBytes, image.length - at);
    image.set(await device.read(BigInt(at), length, { signal }), at);
  }
  try {
    return new MemoryDevice(unsealImage(image).region);
  } catch (error) {
    if (!(error instanceof DmremapError)) throw error;
    throw new DmremapError(error.code, `${file}: ${error.message}`, { cause: error });
  }
}
