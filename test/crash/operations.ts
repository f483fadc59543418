// The operations that are explored, each the real one on a recording device.
import { DmremapError } from '../../lib/base/errors.js';
import { sector } from '../../lib/base/units.js';
import { handover } from '../../lib/recovery/handover.js';
import { repair } from '../../lib/recovery/repair.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnNow } from '../support/disk.js';
import { imageOf, type State } from './alphabet.js';
import { type Recorded, RecordingDevice } from './recording-device.js';

export type OperationName = 'commit' | 'create' | 'repair' | 'handover';

export interface Operation {
  readonly name: OperationName;
  /** The copy that the caller names. */
  readonly copy?: number | undefined;
}

/** The original sector that a commit adds: its table is the new one. */
export const added = 15_000n;
/** The same bytes in every run. */
export const addOptions = { timestampNs: 1_760_000_000_000_000_000n };
export const mainSectors = sector(20_000n);

export interface Run {
  readonly log: readonly Recorded[];
  /** Undefined where it succeeded. */
  readonly error: DmremapError | undefined;
  readonly image: Uint8Array;
}

const now = () => drawnNow;

/** Does the operation on a spare that holds `state`. @param logicalBlockSize 512 or 4096. */
export async function run(operation: Operation, state: State, logicalBlockSize = 512): Promise<Run> {
  const device = new RecordingDevice(imageOf(state), { logicalBlockSize });
  try {
    await perform(operation, device);
    return { log: device.log, error: undefined, image: device.bytes };
  } catch (error) {
    if (!(error instanceof DmremapError)) throw error;
    return { log: device.log, error, image: device.bytes };
  }
}

async function perform({ name, copy }: Operation, device: RecordingDevice): Promise<unknown> {
  switch (name) {
    case 'commit': {
      const store = await MetadataStore.open(device, { mode: 'write', now, copy });
      store.table.add(added, addOptions);
      return store.commit();
    }
    case 'create':
      return MetadataStore.create(device, { mainSectors, now, force: true });
    case 'repair':
      return repair(device, { now, apply: true, copy });
    case 'handover':
      return handover(device, { now, copy });
  }
}
