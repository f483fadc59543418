// Whether the kernel module would create its target at all. The numbers are those of upstream's own arithmetic, which was
// read in its source and measured with the module: 3,549 sectors for a main of 131,072.
import { describe, expect, test } from 'vitest';
import { sector } from '../../lib/base/units.js';
import { MemoryDevice } from '../../lib/device/memory-device.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { admissionOf, neededSpareSectors } from '../../lib/store/examine/module-admission.js';
import { toExamineJson } from '../../lib/store/json/examine-json.js';
import { drawnNow, drawSlot, examineSlots } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';

describe('what the spare must have', () => {
  const rows: [main: bigint, percent: number, block: number, needed: bigint][] = [
    [131_072n, 2, 512, 3549n], //  Measured: 3,548 are refused.
    [16_384n, 2, 512, 452n],
    [0n, 2, 512, 12n],
    [49n, 2, 512, 12n], //  Two percent of it are not one sector.
    [50n, 2, 512, 13n],
    [131_072n, 0, 512, 12n],
    [131_072n, 1, 512, 1779n],
    [131_072n, 20, 512, 35_400n],
    [131_072n, 2, 4096, 3196n], //  Divided by the logical block of main, not by 512.
    [1_953_125_000n, 2, 512, 52_734_386n], //  1 TB.
  ];
  test.each(rows)('main of %i, %i percent, blocks of %i: %i', (main, percent, block, needed) => {
    expect(neededSpareSectors(main, percent, block)).toBe(needed);
  });

  test('that is about 25 GiB for 1 TB, as the law says', () => {
    const gib = Number(neededSpareSectors(1_953_125_000n) * 512n) / 2 ** 30;
    expect(gib).toBeGreaterThan(25);
    expect(gib).toBeLessThan(25.2);
  });

  test('a size that a hostile header claims is no reason to fail', () => {
    expect(neededSpareSectors(2n ** 64n - 1n)).toBeGreaterThan(2n ** 58n);
  });
});

describe('the judgement', () => {
  test('is to the sector', () => {
    const of = (spareSectors: bigint) => admissionOf({ mainSectors: 131_072n, spareSectors });
    expect(of(3549n)).toEqual({
      accepts: true,
      reasons: [],
      neededSectors: 3549n,
      assumedOverheadPercent: 2,
    });
    const refused = of(3548n);
    expect(refused.accepts).toBe(false);
    expect(refused.reasons).toEqual([
      'The kernel module refuses to create the target (ENOSPC): the spare has 3548 sectors, and for a main of 131072 ' +
        'it must have 3549 where logical blocks have 512 bytes, and 3196 where they have 4096; with ' +
        'spare_overhead_percent=1 it needs 1779.',
    ]);
    expect(of(3195n).reasons[0]).toContain('it must have 3549; with');
    const known = admissionOf({ mainSectors: 131_072n, spareSectors: 3548n, spareBlockBytes: 512 });
    expect(known.reasons[0]).toContain('it must have 3549; with');
    expect(of(1778n).reasons[0]).toContain('with spare_overhead_percent=0 it needs 12.');
    expect(of(11n).reasons[0]).not.toContain('spare_overhead_percent');
  });

  test('main must have 2,048 sectors', () => {
    const of = (mainSectors: bigint) => admissionOf({ mainSectors, spareSectors: 8192n });
    expect(of(2048n).accepts).toBe(true);
    expect(of(2047n)).toMatchObject({
      accepts: false,
      reasons: [expect.stringContaining('main has 2047 sectors')],
    });
  });

  test('logical blocks that differ are refused, where both are known', () => {
    const of = (mainBlockBytes?: number, spareBlockBytes?: number) =>
      admissionOf({ mainSectors: 131_072n, spareSectors: 32_768n, mainBlockBytes, spareBlockBytes });
    expect(of(4096, 512)).toMatchObject({ accepts: false, reasons: [expect.stringContaining('EINVAL')] });
    for (const known of [of(4096, 4096), of(512, 512), of(4096), of(undefined, 4096), of()]) {
      expect(known.accepts).toBe(true);
    }
  });
});

describe('a report', () => {
  const header = { mainDeviceSectors: sector(131_072), spareDeviceSectors: sector(2048) };
  const small = () => Array.from({ length: 5 }, () => drawSlot({ header, remaps: [] }));

  test('judges an image of the region by the elected header, and changes no verdict for it', () => {
    const { activation, lints } = examineSlots(small());
    expect(activation).toMatchObject({
      verdict: 'keeps',
      reasons: [],
      admission: { accepts: false, neededSectors: 3549n },
    });
    expect(lints).toEqual([
      {
        id: 'module-refuses',
        severity: 'warning',
        copies: [0],
        message: activation.admission?.reasons.join(' '),
      },
    ]);
  });

  test('judges by the spare, where that is at hand', () => {
    const ids = (sectors: number) =>
      examineSlots(small(), { deviceSectors: sector(sectors) }).lints.map(({ id }) => id);
    expect(ids(3549)).toEqual(['size-mismatch']);
    expect(ids(3548)).toEqual(['size-mismatch', 'module-refuses']);
  });

  test('knows nothing where there is no valid copy', () => {
    expect(examineSlots(drawDisk('x x - - -')).activation.admission).toBeNull();
  });

  test('reads the logical block from a device, and not from a file', async () => {
    const of = async (logicalBlockSize: number, kind: 'block' | 'file') => {
      const bytes = Buffer.concat([...small(), new Uint8Array(3400 * 512 - 655_360)]);
      const { info } = new MemoryDevice(bytes, { logicalBlockSize });
      const device = new MemoryDevice(bytes, { standsFor: { ...info, kind } });
      return (await examineDevice(device, { now: drawnNow })).activation.admission?.neededSectors;
    };
    expect(await of(4096, 'block')).toBe(3196n);
    expect(await of(512, 'block')).toBe(3549n);
    expect(await of(4096, 'file')).toBe(3549n);
  });

  test('says it in JSON with 64 bits as text', () => {
    expect(toExamineJson(examineSlots(small()), 'x').activation.admission).toMatchObject({
      accepts: false,
      neededSectors: '3549',
      assumedOverheadPercent: 2,
    });
    expect(toExamineJson(examineSlots(drawDisk('- - - - -')), 'x').activation.admission).toBeNull();
  });
});
