// The kinds of disks that histories run on, and their first images.
import fc from 'fast-check';
import { unixSeconds } from '../../../lib/base/units.js';
import { LyingDevice } from '../../../lib/device/lying-device.js';
import { MetadataStore } from '../../../lib/store/metadata-store.js';
import { RemapTarget } from '../../../lib/target/remap-target.js';
import type { TargetPolicy } from '../../../lib/target/target-options.js';
import { firstPlace, placeSectors } from './disks.js';
import { bytesOf } from './values.js';

export interface Config {
  /** `full`: all but four of the table's entries are taken, by sectors that no history touches. */
  readonly shape: 'sectors' | 'blocks' | 'full';
  readonly onReadError: TargetPolicy['onReadError'];
  readonly onWriteError: TargetPolicy['onWriteError'];
  /** Blocks of main whose writes are in error from the beginning. */
  readonly bad: readonly number[];
  /** What becomes of writes of the copies from the beginning. */
  readonly copies: 'fine' | 'late' | 'EIO';
  /** When the power goes at the end: at once, when all has settled, or when the target has shown that it is in order. */
  readonly end: 'at once' | 'settled' | 'in order';
  /** Decides what is torn where. */
  readonly seed: number;
}

export interface Shape {
  readonly logicalBlockSize: number;
  /** Sectors of main that are read and written; behind them lie those of the fillers. */
  readonly sectors: number;
  readonly blockSectors: number;
  /** Places of the spare that are free at first, and remaps that fit. */
  readonly places: number;
  /** Places that a block keeps others from: the room behind each of its sectors belongs to it. */
  readonly placesOfBlock: number;
  readonly room: number;
  readonly fillers: number;
}

const fillers = 2044;
export const shapes: Readonly<Record<Config['shape'], Shape>> = {
  sectors: {
    logicalBlockSize: 512,
    sectors: 64,
    blockSectors: 1,
    places: 6,
    placesOfBlock: 1,
    room: 2048,
    fillers: 0,
  },
  blocks: {
    logicalBlockSize: 4096,
    sectors: 128,
    blockSectors: 8,
    places: 12,
    placesOfBlock: 2,
    room: 256,
    fillers: 0,
  },
  full: {
    logicalBlockSize: 512,
    sectors: 64,
    blockSectors: 1,
    places: 6,
    placesOfBlock: 1,
    room: 4,
    fillers,
  },
};

/** Of the places of the spare, the first that is free at first. The last filler keeps the room behind it. */
export const firstFree = ({ fillers }: Shape): number =>
  fillers === 0 ? 0 : Math.ceil(fillers / placeSectors) + 1;

export const config: fc.Arbitrary<Config> = fc.record({
  shape: fc.oneof(
    { weight: 60, arbitrary: fc.constant('sectors' as const) },
    { weight: 30, arbitrary: fc.constant('blocks' as const) },
    { weight: 2, arbitrary: fc.constant('full' as const) },
  ),
  onReadError: fc.constantFrom('report', 'remap-on-write', 'remap-zero'),
  onWriteError: fc.oneof(
    { weight: 8, arbitrary: fc.constant('remap' as const) },
    { weight: 1, arbitrary: fc.constant('report' as const) },
  ),
  bad: fc.oneof(fc.constant([]), fc.subarray([0, 1, 2, 3])),
  copies: fc.oneof(
    { weight: 5, arbitrary: fc.constant('fine' as const) },
    { weight: 2, arbitrary: fc.constant('late' as const) },
    { weight: 1, arbitrary: fc.constant('EIO' as const) },
  ),
  end: fc.constantFrom('settled', 'at once', 'in order'),
  seed: fc.integer({ min: 1, max: 1 << 30 }),
});

/** What all of main holds at first. */
export const firstValue = 1;
export const now = () => unixSeconds(1_760_000_000);

export interface Images {
  readonly main: Uint8Array;
  readonly spare: Uint8Array;
}

const made = new Map<Config['shape'], Promise<Images>>();

/** The disks that a history starts from. */
export function firstImages(shape: Config['shape']): Promise<Images> {
  const images = made.get(shape) ?? make(shapes[shape]);
  made.set(shape, images);
  return images;
}

async function make(shape: Shape): Promise<Images> {
  const { logicalBlockSize, sectors, places, fillers } = shape;
  const content = bytesOf(firstValue, 0, sectors + fillers);
  const bytes = (firstPlace + (firstFree(shape) + places) * placeSectors) * 512;
  const main = new LyingDevice(content, { logicalBlockSize });
  // What lies on the spare is nobody's.
  const spare = new LyingDevice(new Uint8Array(bytes).fill(0xee, firstPlace * 512), { logicalBlockSize });
  await (await RemapTarget.create({ main, spare, now })).destroy();
  if (fillers > 0) {
    const store = await MetadataStore.open(spare, { mode: 'write', now });
    for (let at = 0; at < fillers; at++) store.table.add(sectors + at, { spare: firstPlace + at });
    await store.commit();
    await store.close();
  }
  return { main: main.bytes, spare: spare.bytes };
}
