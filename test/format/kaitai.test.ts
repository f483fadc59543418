// A second decoder that no one wrote by hand: docs/format.ksy, compiled, reads what our codec reads.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { decodeCopy } from '../../lib/format/codec.js';
import {
  type Header,
  maxEntries,
  type RemapEntry,
  readHeader,
  slotBytes,
} from '../../lib/format/structure.js';
import { drawSlot, patchSlot } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { random as randomFrom } from '../support/random.js';
import { tiered } from '../support/tier.js';

type Fields = Readonly<Record<string, unknown>>;
interface Structure extends Fields {
  readonly hasOurMagic: boolean;
  readonly remaps: readonly Fields[];
  readonly scanStats: Fields;
}
interface Decoded {
  readonly copies: readonly { readonly structure: Structure; readonly tail: Uint8Array }[];
}

//  Neither package has types that can be used.
const rounds = tiered(1000, 200);
const require = createRequire(import.meta.url);
const compiler = require('kaitai-struct-compiler');
const { KaitaiStream } = require('kaitai-struct');

/** The runtime for JavaScript reads 64 bits as a double. */
KaitaiStream.prototype.readU8le = function (this: { readU4le(): number }): bigint {
  return BigInt(this.readU4le()) | (BigInt(this.readU4le()) << 32n);
};

let decode: (bytes: Uint8Array) => Decoded;

beforeAll(async () => {
  const source = readFileSync(new URL('../../docs/format.ksy', import.meta.url), 'utf8');
  const files = await compiler.compile('javascript', parse(source), undefined, false);
  const loaded: { DmRemapV4?: new (stream: object) => Decoded } = {};
  new Function('exports', 'require', `${files['DmRemapV4.js']}`)(loaded, require);
  const { DmRemapV4 } = loaded;
  if (DmRemapV4 === undefined) throw new Error('the compiler has made something else');
  decode = (bytes) => new DmRemapV4(new KaitaiStream(bytes.slice().buffer));
});

/** Our names, where they are not those of the structure. */
const renamed: Record<string, string> = { timestampSeconds: 'timestamp', checksum: 'metadataChecksum' };
const inStats = ['sectorsScanned', 'errorsDetected', 'slowSectorsFound', 'scanInterruptions'];
const texts = ['mainDeviceUuid', 'spareDeviceUuid', 'deviceModel'];

function headerOf(structure: Structure, names: readonly string[]): Fields {
  return Object.fromEntries(
    names.map((name) => {
      const value = (inStats.includes(name) ? structure.scanStats : structure)[renamed[name] ?? name];
      return [name, texts.includes(name) ? (value as { bytes: Uint8Array }).bytes : value];
    }),
  );
}

const entryOf = (fields: Fields) => ({
  originalSector: fields.originalSector,
  spareSector: fields.spareSector,
  remapTimestampNs: fields.remapTimestamp,
  accessCount: fields.accessCount,
  errorCount: fields.errorCount,
  remapReason: fields.remapReason,
  flags: fields.flags,
  padding: fields.padding,
});
const isZero = (fields: Fields) => Object.values(entryOf(fields)).every((value) => Number(value) === 0);
/** Every number as text: what is 32 bits on disk may be a bigint with us. */
const plain = (value: Header | RemapEntry | Fields) =>
  JSON.parse(
    JSON.stringify(value, (_, part) =>
      typeof part === 'bigint' || typeof part === 'number'
        ? `${part}`
        : part instanceof Uint8Array
          ? Buffer.from(part).toString('hex')
          : part,
    ),
  );

/** Both decoders, on one slot. Says what ours makes of it. */
function agree(slot: Uint8Array): string {
  const [{ structure, tail } = { structure: undefined, tail: undefined }] = decode(slot).copies;
  if (structure === undefined) throw new Error('no copy was read');
  const header = readHeader(slot);
  expect(plain(headerOf(structure, Object.keys(header)))).toEqual(plain(header));
  expect(Buffer.compare(tail, slot.subarray(84_288))).toBe(0);
  expect(structure.remaps).toHaveLength(maxEntries);
  const ours = decodeCopy(slot);
  if (ours.state !== 'valid') return ours.damage.fault;
  expect(structure.hasOurMagic).toBe(true);
  const { activeRemaps } = header;
  expect(structure.remaps.slice(0, activeRemaps).map(entryOf).map(plain)).toEqual(ours.entries.map(plain));
  const ghosts = structure.remaps.flatMap((fields, index) =>
    index < activeRemaps || isZero(fields) ? [] : [{ index, entry: plain(entryOf(fields)) }],
  );
  expect(ghosts).toEqual(ours.ghosts.map(({ index, entry }) => ({ index, entry: plain(entry) })));
  return 'valid';
}

describe('docs/format.ksy and our codec', () => {
  test.each(goldenImages)('read the same in $name', (image) => {
    const bytes = goldenBytes(image);
    const count = Math.min(5, Math.floor(bytes.length / slotBytes));
    expect(decode(bytes).copies).toHaveLength(count);
    for (let copy = 0; copy < count; copy++) agree(bytes.subarray(copy * slotBytes, (copy + 1) * slotBytes));
  });

  test('read the same in slots with a few bytes changed, most of them under a checksum that holds', () => {
    const seed = Number(process.env.DMREMAP_SEED ?? Date.now() % 1_000_000) + 1;
    const random = randomFrom(seed);
    const bases = [
      drawSlot(),
      drawSlot({
        remaps: Array.from({ length: 2048 }, (_, at) => [BigInt(at), BigInt(2000 + 8 * at)] as const),
      }),
      ...goldenImages
        .filter(({ size }) => size >= slotBytes)
        .map((image) => goldenBytes(image).subarray(0, slotBytes)),
    ];
    const seen = new Map<string, number>();
    for (let round = 0; round < rounds; round++) {
      let slot = new Uint8Array(bases[random.int(bases.length)] ?? bases[0] ?? []);
      for (let changes = 1 + random.int(6); changes > 0; changes--) {
        //  The fields, the first entries, or anywhere.
        const end = [312, 2048, 84_288][random.int(3)] ?? 312;
        const at = random.int(4) === 0 ? random.int(end) : 28 + random.int(end - 28);
        slot = patchSlot(slot, at, [random.int(256)], false);
      }
      if (random.int(4) > 0) slot = patchSlot(slot, 296, [...slot.subarray(296, 300)]);
      const state = agree(slot);
      seen.set(state, (seen.get(state) ?? 0) + 1);
    }
    expect(seen.get('valid') ?? 0, `seed ${seed}: ${[...seen]}`).toBeGreaterThan(rounds / 10);
    expect([...seen.keys()], `seed ${seed}`).toEqual(expect.arrayContaining(['valid', 'checksum']));
  });
});
