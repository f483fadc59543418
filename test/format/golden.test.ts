import { describe, expect, test } from 'vitest';
import { unixSeconds } from '../../lib/base/units.js';
import { decodeCopy, decodeSlot } from '../../lib/format/codec.js';
import { driverVerdict } from '../../lib/format/driver.js';
import { encodeCopy, metadataOf } from '../../lib/format/metadata.js';
import type { Header } from '../../lib/format/structure.js';
import { textOf } from '../../lib/format/text.js';
import { readsOf } from '../support/disk.js';
import { type GoldenCopy, goldenBytes, goldenImages } from '../support/golden.js';

const hex = (value: number | null) => `0x${(value ?? 0).toString(16).padStart(8, '0')}`;

/** A decoded header in the manifest's words. */
const inWords = (header: Header, computed: number | null): Omit<GoldenCopy, 'copy' | 'offset'> => ({
  magic: hex(header.magic),
  magic_ok: true,
  version: header.version,
  sequence: `${header.sequenceNumber}`,
  timestamp: `${header.timestampSeconds}`,
  checksum: hex(header.checksum),
  computed: hex(computed),
  checksum_ok: header.checksum === computed,
  copy_index: header.copyIndex,
  structure_size: header.structureSize,
  reserved: header.reserved,
  active_remaps: header.activeRemaps,
  max_remaps: header.maxRemaps,
  next_spare_sector: Number(header.nextSpareSector),
  remap_flags: header.remapFlags,
  health_score: header.healthScore,
});

describe.each(goldenImages)('$name ($what)', (golden) => {
  const image = goldenBytes(golden);
  const decoded = readsOf(image, 'driver').map(decodeSlot);

  test('every copy decodes to what the manifest says', () => {
    for (const { copy, offset, ...said } of golden.copies) {
      const slot = decoded[copy];
      expect(offset).toBe(copy * 131_072);
      if (said.present === false) expect(slot).toEqual({ state: 'absent' });
      else if (slot?.state !== 'absent' && slot?.header) {
        expect(inWords(slot.header, slot.computed)).toEqual(said);
      } else {
        //  No magic, no header: blank, or bytes of somebody else.
        expect(said.magic_ok).toBe(false);
        const found = slot?.state === 'damaged' && slot.damage.fault === 'magic' ? slot.damage.found : 0;
        expect(hex(found)).toBe(said.magic);
      }
    }
    expect(golden.copies.map(({ copy }) => copy)).toEqual([0, 1, 2, 3, 4]);
  });

  test('the module accepts the copies that the manifest says it accepts', () => {
    const accepted = decoded.map((slot) => driverVerdict(slot, unixSeconds(golden.now)) === null);
    expect(accepted).toEqual(golden.valid);
    if (golden.kernel_verdict) {
      expect(accepted.filter(Boolean)).toHaveLength(golden.kernel_verdict.valid_copies);
    }
  });

  test('the copy that the module takes has the fields and the table of the manifest', () => {
    const taken = golden.selected === null ? undefined : decoded[golden.selected];
    if (golden.selected === null) {
      expect(golden.remaps).toBe(undefined);
      return;
    }
    if (taken?.state !== 'valid') throw new Error('the copy that the module takes is not valid to us');
    const { header, entries } = taken;
    expect({
      main_uuid: textOf(header.mainDeviceUuid),
      spare_uuid: textOf(header.spareDeviceUuid),
      main_sectors: `${header.mainDeviceSectors}`,
      spare_sectors: `${header.spareDeviceSectors}`,
      sector_size: header.sectorSize,
      remap_capacity: header.remapCapacity,
      fingerprint: Buffer.from(header.deviceFingerprint).toString('hex'),
      model: textOf(header.deviceModel),
      scan_interval_hours: header.scanIntervalHours,
    }).toEqual(golden.fields);
    expect(entries).toHaveLength(golden.remaps_count ?? -1);
    const sampled = golden.remaps?.map(({ i }) => ({ i, entry: entries[i] })) ?? [];
    expect(
      sampled.map(({ i, entry }) => ({
        i,
        original: `${entry?.originalSector}`,
        spare: `${entry?.spareSector}`,
        ts_ns: `${entry?.remapTimestampNs}`,
        access: entry?.accessCount,
        error: entry?.errorCount,
        reason: entry?.remapReason,
        flags: entry?.flags,
      })),
    ).toEqual(golden.remaps);
  });

  test('every valid copy is encoded byte for byte as it was, tail included', () => {
    let valid = 0;
    for (const [copy, slot] of decoded.entries()) {
      if (slot.state !== 'valid') continue;
      valid += 1;
      const raw = image.subarray(copy * 131_072, (copy + 1) * 131_072);
      expect(Buffer.compare(encodeCopy(metadataOf(slot), slot.header.copyIndex), raw)).toBe(0);
    }
    expect(valid).toBeGreaterThanOrEqual(golden.valid.filter(Boolean).length);
  });
});

test('every single-bit flip of the structure is found', () => {
  const slot = goldenBytes('u_hundred').slice(0, 131_072);
  //  Every bit of the header, then one bit of every 37th byte: each is a checksum over 84 KiB.
  const offsets = [...Array(312).keys(), ...Array.from({ length: 2270 }, (_, n) => 312 + n * 37)];
  const missed: number[] = [];
  for (const offset of offsets) {
    for (const bit of offset < 312 ? [0, 1, 2, 3, 4, 5, 6, 7] : [offset % 8]) {
      slot[offset] = (slot[offset] ?? 0) ^ (1 << bit);
      if (decodeCopy(slot).state === 'valid') missed.push(offset);
      slot[offset] = (slot[offset] ?? 0) ^ (1 << bit);
    }
  }
  expect(missed).toEqual([]);
  expect(Math.max(...offsets)).toBeLessThan(84_288);
  expect(decodeCopy(slot).state).toBe('valid');
});
