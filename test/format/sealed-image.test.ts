// What is saved of a spare, as a file: an image for every reader, and believed only where nothing of it has changed.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Of } from '../../lib/base/crypto.js';
import { sealImage, sealOf, unsealImage } from '../../lib/format/sealed-image.js';
import { slotBytes } from '../../lib/format/structure.js';
import { examineDevice } from '../../lib/store/examine/examine-device.js';
import { expectBytes } from '../support/bytes.js';
import { drawnNow, drawSlot } from '../support/disk.js';
import { scratchFolder } from '../support/scratch.js';
import { drawnDevice } from '../support/spare.js';

const folder = scratchFolder();
const sealed = (region: Uint8Array, more: object = {}) =>
  sealImage(region, { schema: 'x', region: { bytes: region.length, sha256: sha256Of(region) }, ...more });

describe('a sealed image', () => {
  it.each([0, 512, 4096, 131_072, 300_032, 655_360])(
    'of %i bytes comes apart as it was put together',
    (bytes) => {
      const region = new Uint8Array(bytes).fill(7);
      const image = sealed(region, { name: 'größe \u2028 "' });
      expect(image.length % 4096).toBe(0);
      const { region: back, document } = unsealImage(image);
      expectBytes(back, region);
      expect(document.name).toBe('größe \u2028 "');
    },
  );

  it('is refused with one byte of it changed, wherever that is', () => {
    const image = sealed(new Uint8Array(1024).fill(7), { text: 'x'.repeat(100) });
    const { documentOffset, documentBytes } = sealOf(image, BigInt(image.length)) as NonNullable<
      ReturnType<typeof sealOf>
    >;
    const end = documentOffset + documentBytes;
    for (let at = 0; at < image.length; at++) {
      //  Filling: nobody looks there.
      if ((at >= 1024 && at < documentOffset) || (at >= end && image[at] === 0x20)) continue;
      const changed = image.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(() => unsealImage(changed), `at ${at}`).toThrow(
        expect.objectContaining({ code: 'ERR_IMAGE_INVALID' }),
      );
    }
  });

  it('is refused where it is cut off or longer than it was', () => {
    const image = sealed(new Uint8Array(8192).fill(7));
    for (const length of [
      0,
      1,
      4096,
      image.length - 4096,
      image.length - 1,
      image.length + 1,
      image.length + 4096,
    ]) {
      const other = Buffer.alloc(length);
      other.set(image.subarray(0, length));
      expect(() => unsealImage(other)).toThrow(expect.objectContaining({ code: 'ERR_IMAGE_INVALID' }));
    }
  });

  it.each(['[]', 'null', '1', '{', '{}', '{"region":null}', '{"region":{"bytes":512}}'])(
    'is refused where its document is %s, however well it is sealed',
    (text) => {
      const document = Buffer.from(text);
      const line = `\ndmremap.image/1 region=512 document=${document.length} sha256=${sha256Of(document)}\n`;
      const image = Buffer.alloc(8192, ' ');
      image.fill(0, 0, 4096);
      image.set(document, 4096);
      image.write(line, image.length - line.length);
      expect(() => unsealImage(image)).toThrow(expect.objectContaining({ code: 'ERR_IMAGE_INVALID' }));
    },
  );

  it('claims no more than there is', () => {
    const seal = (region: number, document: number) =>
      Buffer.from(
        `${' '.repeat(4096)}\ndmremap.image/1 region=${region} document=${document} sha256=${'0'.repeat(64)}\n`,
      );
    expect(sealOf(seal(512, 100).subarray(-4096), 8192n)).not.toBeNull();
    for (const [region, document] of [
      [9_999_999, 1],
      [512, 9_999_999],
      [8192, 100],
    ] as const) {
      expect(sealOf(seal(region, document).subarray(-4096), 8192n)).toBeNull();
    }
  });
});

describe('for a reader it is an image of its region', () => {
  it('of a whole one: no size-mismatch, and no copy more', async () => {
    const path = join(folder, 'whole');
    writeFileSync(path, sealed(drawnDevice('7 7 x 7 7').bytes.subarray(0, 655_360)));
    const report = await examineDevice(path, { now: drawnNow });
    expect(report.sizeBytes).toBe(655_360n);
    expect(report.lints.map(({ id }) => id)).toEqual(['damaged-copies', 'handover']);
  });

  it('of a short one, behind which the trailer would make room for another copy', async () => {
    const path = join(folder, 'short');
    const region = new Uint8Array(3 * slotBytes - 512);
    region.set(drawSlot());
    region.set(drawSlot({ copyIndex: 1 }), slotBytes);
    writeFileSync(path, sealed(region));
    const { copies } = await examineDevice(path, { now: drawnNow });
    expect(copies.map(({ slot }) => slot.state)).toEqual(['valid', 'valid', 'absent', 'absent', 'absent']);
  });
});
