// Room: store. Examines a spare by path or by device, read-only from beginning to end.
import { type Cancellable, type CancelOptions, cancellableAsync } from '../../base/cancellable.js';
import { clockSeconds, type UnixSeconds } from '../../base/units.js';
import type { Device } from '../../device/device.js';
import type { GeometryName } from '../../format/geometry.js';
import { withTarget } from './device-or-path.js';
import type { Report } from './examine.js';
import {
  type InspectOptions,
  type PlacesRead,
  readPlaces,
  readsOf,
  reportOf,
  reportWithStrangers,
} from './inspect.js';
import { readSteadily, sameSlots } from './stable-read.js';

export interface ExamineOptions extends CancelOptions {
  /** `auto` (default): the driver's places, unless only the documented ones hold something. */
  readonly geometry?: 'auto' | GeometryName | undefined;
  /** The clock that the driver's future rule is applied to. Default: this host's. */
  readonly now?: UnixSeconds | undefined;
  /** Takes entries and ghosts from this copy (0 to 4) instead of the elected one. */
  readonly copy?: number | undefined;
}

/**
 * Reads every copy of a spare, or of an image of its first 655,360 bytes, and says what is there, which copy wins and
 * why. Somebody else may be writing, so it is read until two readings are the same, and `changedWhileRead` and
 * `stillChanging` say what there was. Opens read-only, without O_DIRECT where that is not supported, and never writes.
 *
 * Rejections: those of `openDevice`; ERR_COPY_NOT_VALID where the copy asked for is not valid. A slot that cannot be
 * read is a damage in the report, not an error. (format.md rules 1 to 4.)
 */
export function examineDevice(target: string | Device, options: ExamineOptions = {}): Cancellable<Report> {
  return cancellableAsync(options, async (signal) => {
    const { geometry, copy, now = clockSeconds() } = options;
    return withTarget(target, { mode: 'read', direct: 'prefer', signal, keep: false }, (device) =>
      examineSteadily(device, { geometry, copy, now, signal }),
    );
  });
}

async function examineSteadily(device: Device, options: InspectOptions): Promise<Report> {
  const { signal } = options;
  const report = (read: PlacesRead) => reportOf(device, read, options);
  const { value, reading } = await readSteadily(
    device,
    signal,
    () => readPlaces(device, { signal }),
    (a, b) =>
      a.seal?.regionBytes === b.seal?.regionBytes &&
      sameSlots(readsOf(a, 'driver'), readsOf(b, 'driver')) &&
      // The documented places play a part only where they are reported: on a live spare, data of remapped sectors may lie there.
      (sameSlots(readsOf(a, 'documented'), readsOf(b, 'documented')) ||
        (report(a).geometry === 'driver' && report(b).geometry === 'driver')),
  );
  return { ...(await reportWithStrangers(device, value, options)), ...reading };
}
