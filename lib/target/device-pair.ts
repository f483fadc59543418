// Room: target. The two devices of a target: opened by it from a path, or given to it and its caller's to close.
import { argumentError } from '../base/errors.js';
import type { CloseReport, Device } from '../device/device.js';
import { guarded } from '../device/guarded-device.js';
import { openDevice } from '../device/native-device.js';
import type { OpenTargetOptions } from './target-options.js';

export interface Side {
  readonly device: Device;
  readonly owned: boolean;
}

export interface Sides {
  readonly main: Side;
  readonly spare: Side;
}

type SideOptions = Pick<OpenTargetOptions, 'main' | 'spare' | 'direct' | 'window' | 'engine'>;

/** Both, or none. Rejections: those of `openDevice`; ERR_INVALID_ARG_VALUE where they are the same. */
export async function openSides(options: SideOptions, signal: AbortSignal): Promise<Sides> {
  const { direct, window, engine } = options;
  if (options.main === options.spare) {
    throw argumentError('ERR_INVALID_ARG_VALUE', 'main and spare must not be the same');
  }
  const side = async (target: string | Device): Promise<Side> => {
    if (typeof target !== 'string') return { device: guarded(target), owned: false };
    return {
      device: await openDevice(target, { mode: 'write', direct, window, engine, signal }),
      owned: true,
    };
  };
  const main = await side(options.main);
  try {
    return { main, spare: await side(options.spare) };
  } catch (error) {
    if (main.owned) await main.device.close(signal.aborted ? { graceMs: 5 } : {});
    throw error;
  }
}

/** Closes what the target has opened. */
export const closeSides = ({ main, spare }: Sides, options: { graceMs?: number }): Promise<CloseReport[]> =>
  Promise.all([main, spare].filter(({ owned }) => owned).map(({ device }) => device.close(options)));
