// A fault of each kind at each write and read of commit, create, repair and handover, alone and together with a power cut
// at each write: what is found afterwards obeys guarantee A or B of format.md rule 8, and what the error said is
// true. A failure names its scenario, fault and cut; the seed is the device's.

import { describe, expect, it } from 'vitest';
import { type Fault, type FaultRule, type InFlight, LyingDevice } from '../../lib/device/lying-device.js';
import { slotBytes } from '../../lib/format/structure.js';
import { handover } from '../../lib/recovery/handover.js';
import { repair } from '../../lib/recovery/repair.js';
import { CommitError, type Finds } from '../../lib/store/commit/commit-report.js';
import type { Report } from '../../lib/store/examine/examine.js';
import { MetadataStore } from '../../lib/store/metadata-store.js';
import { drawnNow, examineImage } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { share } from '../support/tier.js';

const now = () => drawnNow;
const seed = 7;
const added = 15_000n;

function drawnBytes(disk: string): Uint8Array {
  const slots = drawDisk(disk).filter((slot) => slot instanceof Uint8Array);
  const image = new Uint8Array(slots.length === 5 ? 6 * slotBytes : slots.length * slotBytes);
  slots.forEach((slot, copy) => {
    image.set(slot, copy * slotBytes);
  });
  return image;
}

/** Which table a report shows for one election: by the original of its entries. */
type Found = 'old' | 'new' | 'nothing' | 'other';

interface Scenario {
  readonly name: string;
  readonly disk: string;
  run(device: LyingDevice): Promise<unknown>;
  /** What an elected table is. */
  classify(originals: readonly bigint[]): Found;
  /** What each election may find whatever happens. */
  readonly legal: readonly Found[];
  /** Guarantee B: one of these is among the valid copies; each election may find what it found before. */
  readonly named?: boolean;
  /** Copies too few to outlive a lie and a power cut together. */
  readonly fragile?: boolean;
}

const byTable =
  (old: bigint) =>
  (originals: readonly bigint[]): Found =>
    originals.includes(added) ? 'new' : originals.length === 1 && originals[0] === old ? 'old' : 'other';

const commit = (disk: string, old: bigint, copy?: number): Scenario => ({
  name: `commit on ${disk}`,
  disk,
  run: async (device) => {
    const store = await MetadataStore.open(device, { mode: 'write', now, copy });
    store.table.add(added);
    return store.commit();
  },
  classify: byTable(old),
  legal: ['old', 'new'],
  named: copy !== undefined,
  fragile: disk.includes('. . .'),
});

const scenarios: readonly Scenario[] = [
  commit('7 7 7 7 7', 7n),
  commit('7 x 7 6 7', 7n),
  commit('7 7 7 . .', 7n),
  commit('7 7 . . .', 7n),
  commit('9+ 8 8 7 7', 8n, 1),
  {
    name: 'create on a blank spare',
    disk: '- - - - -',
    run: (device) => MetadataStore.create(device, { mainSectors: 20_000n, now }),
    classify: (originals) => (originals.length === 0 ? 'new' : 'other'),
    legal: ['nothing', 'new'],
  },
  {
    name: 'repair',
    disk: '7 x - 6 7',
    run: (device) => repair(device, { now, apply: true }),
    classify: byTable(7n),
    legal: ['old'],
  },
  {
    name: 'handover',
    disk: '7 x 7 6 7',
    run: (device) => handover(device, { now }),
    classify: byTable(7n),
    legal: ['old'],
  },
];

const writeFaults: readonly Fault[] = [
  { fault: 'error', errno: 'EIO' },
  { fault: 'error', errno: 'ENOSPC' },
  { fault: 'torn', atomicity: 512 },
  { fault: 'torn', atomicity: 4096, acknowledged: true },
  { fault: 'short' },
  { fault: 'lost' },
  { fault: 'misdirected', by: slotBytes },
  { fault: 'misdirected', by: -slotBytes },
  { fault: 'misdirected', by: 4096 },
  { fault: 'vanished' },
];
const readFaults: readonly Fault[] = [
  { fault: 'error', errno: 'EIO' },
  { fault: 'short' },
  { fault: 'vanished' },
];
const fates: readonly (readonly InFlight[])[] = [
  ['torn', 'torn'],
  ['new', 'torn'],
  ['old', 'new'],
];

interface Outcome {
  readonly acknowledged: boolean;
  readonly error: unknown;
}

async function attempt(scenario: Scenario, device: LyingDevice): Promise<Outcome> {
  return scenario.run(device).then(
    () => ({ acknowledged: true, error: undefined }),
    (error: unknown) => ({ acknowledged: false, error }),
  );
}

function elected(scenario: Scenario, report: Report, who: 'driver' | 'ours'): Found {
  const winner = report.elections[who];
  const slot = winner === null ? undefined : report.copies[winner.copy]?.slot;
  if (slot?.state !== 'valid') return 'nothing';
  return scenario.classify(slot.entries.map(({ originalSector }) => originalSector));
}

/** Holds what is on the disk against what may be there and against what was said. */
function judge(scenario: Scenario, image: Uint8Array, outcome: Outcome, where: string): void {
  const report = examineImage(image, { now: drawnNow });
  const found = { driver: elected(scenario, report, 'driver'), ours: elected(scenario, report, 'ours') };
  const wanted = { where, found };
  if (scenario.named) {
    const valid = report.copies.flatMap(({ slot }) =>
      slot.state === 'valid'
        ? [scenario.classify(slot.entries.map(({ originalSector }) => originalSector))]
        : [],
    );
    expect(
      valid.some((table) => scenario.legal.includes(table)),
      JSON.stringify(wanted),
    ).toBe(true);
  } else {
    expect(scenario.legal, JSON.stringify(wanted)).toContain(found.driver);
    expect(found.ours, JSON.stringify(wanted)).toBe(found.driver);
  }
  if (outcome.acknowledged && scenario.legal.includes('new')) {
    // A copy that could not be read may come back and outrank everything: nobody could know its sequence.
    const back = scenario.named === true && where.includes('at read');
    expect(found, where).toEqual({ driver: 'new', ours: back ? found.ours : 'new' });
  }
}

/** What an error said is possible has to be what is there, where the device did not lie about a success. */
function judgeWords(scenario: Scenario, image: Uint8Array, { error }: Outcome, where: string): void {
  if (!(error instanceof CommitError)) return;
  const report = examineImage(image, { now: drawnNow });
  const found = elected(scenario, report, 'ours');
  const says: Record<Finds, readonly Found[]> = {
    old: scenario.legal.filter((table) => table !== 'new'),
    new: ['new'],
    either: scenario.legal,
    other: [...scenario.legal, 'other'],
  };
  if (!scenario.named || found === 'new')
    expect(says[error.finds], `${where}: ${error.message}`).toContain(found);
}

const isLie = (fault: Fault): boolean =>
  fault.fault === 'lost' ||
  fault.fault === 'misdirected' ||
  (fault.fault === 'torn' && fault.acknowledged === true);

describe.each(share(scenarios, 4))('$name', (scenario) => {
  const start = drawnBytes(scenario.disk);
  const make = () => new LyingDevice(start, { seed });

  async function counted() {
    const device = make();
    const outcome = await attempt(scenario, device);
    judge(scenario, device.bytes, outcome, 'without a fault');
    expect(outcome.acknowledged).toBe(true);
    return { ...device.count };
  }

  it('obeys its guarantee in every crash state', async () => {
    const { write } = await counted();
    for (let cut = 1; cut <= write; cut++) {
      for (const inFlight of fates) {
        const device = make();
        device.cutPowerAt(cut, inFlight);
        const outcome = await attempt(scenario, device);
        judge(
          scenario,
          device.afterPowerCut(),
          outcome,
          `power cut at write ${cut}, ${inFlight}, seed ${seed}`,
        );
      }
    }
  });

  it('obeys its guarantee under every fault of a write, alone and with a power cut at each write', async () => {
    const { write } = await counted();
    for (let nth = 1; nth <= write; nth++) {
      for (const fault of writeFaults) {
        const rule: FaultRule = { on: 'write', nth };
        const where = `${JSON.stringify(fault)} at write ${nth}, seed ${seed}`;
        const alone = make();
        alone.lay(fault, rule);
        const outcome = await attempt(scenario, alone);
        alone.liftAll();
        judge(scenario, alone.bytes, outcome, where);
        if (!isLie(fault)) judgeWords(scenario, alone.bytes, outcome, where);
        if (scenario.fragile && isLie(fault)) continue;
        for (let cut = nth + 1; cut <= alone.count.write; cut++) {
          for (const inFlight of fates) {
            const device = make();
            device.lay(fault, rule);
            device.cutPowerAt(cut, inFlight);
            const result = await attempt(scenario, device);
            judge(
              scenario,
              device.afterPowerCut(),
              result,
              `${where}, power cut at write ${cut}, ${inFlight}`,
            );
          }
        }
      }
    }
  });

  it('writes nothing after a flush that failed', async () => {
    const { flush } = await counted();
    expect(flush).toBeGreaterThan(0);
    for (const fault of [readFaults[0], readFaults[2]] as const) {
      const device = make();
      device.lay(fault as Fault, { on: 'flush', nth: 1 });
      const outcome = await attempt(scenario, device);
      expect(outcome.error).toMatchObject({ outcome: 'unknown' });
      expect(device.count.write).toBe(0);
      expect(Buffer.compare(device.bytes, start)).toBe(0);
    }
  });

  it('writes nothing wrong after a fault of a read', async () => {
    const { read } = await counted();
    for (let nth = 1; nth <= read; nth++) {
      for (const fault of readFaults) {
        const device = make();
        device.lay(fault, { on: 'read', nth });
        const outcome = await attempt(scenario, device);
        device.liftAll();
        judge(scenario, device.bytes, outcome, `${JSON.stringify(fault)} at read ${nth}, seed ${seed}`);
        judgeWords(scenario, device.bytes, outcome, `${JSON.stringify(fault)} at read ${nth}`);
      }
    }
  });

  it('tells the truth about a write that comes late, before it lands and after', async () => {
    const { write } = await counted();
    for (let nth = 1; nth <= write; nth++) {
      const device = make();
      device.lay({ fault: 'late' }, { on: 'write', nth });
      const controller = new AbortController();
      const running = scenario.run(wrap(device, controller.signal)).then(
        () => ({ acknowledged: true, error: undefined }),
        (error: unknown) => ({ acknowledged: false, error }),
      );
      for (let turn = 0; turn < 60; turn++) await new Promise(setImmediate);
      controller.abort();
      const outcome = await running;
      expect(outcome.error, `late write ${nth}`).toBeInstanceOf(CommitError);
      judge(scenario, device.bytes, outcome, `late write ${nth}, not landed`);
      judgeWords(scenario, device.bytes, outcome, `late write ${nth}, not landed`);
      device.liftAll();
      device.resume();
      await (outcome.error as CommitError).drained;
      judge(scenario, device.bytes, outcome, `late write ${nth}, landed`);
      judgeWords(scenario, device.bytes, outcome, `late write ${nth}, landed`);
    }
  });
});

/** The device, with every ordered write under a signal: an abort from outside of the scenario. */
function wrap(device: LyingDevice, signal: AbortSignal): LyingDevice {
  const write = device.writeOrdered.bind(device);
  device.writeOrdered = (groups, options) => {
    const writing = write(groups, options);
    signal.addEventListener('abort', () => writing.cancel(), { once: true });
    return writing;
  };
  return device;
}
