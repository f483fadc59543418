// A dump and the way back: the same structure, byte for byte, or a list of everything that is wrong.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCopy, type ValidCopy } from '../../lib/format/codec.js';
import { structureBytes } from '../../lib/format/structure.js';
import { toDumpJson } from '../../lib/store/json/dump-json.js';
import { fromDumpJson, maxDumpBytes } from '../../lib/store/json/dump-reader.js';
import { DocumentError } from '../../lib/store/json/json-reader.js';
import { expectBytes } from '../support/bytes.js';
import { drawSlot, examineImage, patchSlot, u32Bytes } from '../support/disk.js';
import { goldenBytes, goldenImages } from '../support/golden.js';
import { random } from '../support/random.js';

const everything = { allowFlaws: true, allowDataInMetadata: true };

function decoded(slot: Uint8Array): ValidCopy {
  const copy = decodeCopy(slot);
  if (copy.state !== 'valid') throw new Error('the slot is not valid');
  return copy;
}

const dumpOf = (slot: Uint8Array) => toDumpJson({ copy: 0, offset: 0n as never, slot: decoded(slot) }, 'x');

/** Through text, as a file would. */
const back = (slot: Uint8Array, options = everything) =>
  fromDumpJson(Buffer.from(JSON.stringify(dumpOf(slot))), options).slot;

const structure = (slot: Uint8Array) => slot.subarray(0, structureBytes);

/** What is told of a document, a line each. */
function told(document: unknown, options = {}): string[] {
  try {
    fromDumpJson(document, options);
    return [];
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    expect(error.code).toBe('ERR_DUMP_INVALID');
    return error.problems.map(({ place, what }) => `${place}: ${what}`);
  }
}

describe('a structure comes back byte for byte', () => {
  const valid = goldenImages.flatMap((image) =>
    examineImage(goldenBytes(image)).copies.flatMap(({ copy, slot }) =>
      slot.state === 'valid' ? [{ name: image.name, copy, bytes: slot.bytes }] : [],
    ),
  );
  it('all golden images have valid copies to be dumped', () => expect(valid.length).toBeGreaterThan(50));

  it.each(valid)('$name, copy $copy', ({ bytes }) =>
    expectBytes(structure(back(bytes).bytes), structure(bytes)),
  );

  it('whatever is in fields that nobody uses, in padding, ghosts and the expansion area', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.nat(2048), (seed, remaps) => {
        const noise = random(seed).fill(new Uint8Array(structureBytes));
        let slot = patchSlot(drawSlot(), 32, [...noise.subarray(32)]);
        slot = patchSlot(slot, 32, u32Bytes(84_288));
        slot = patchSlot(slot, 256, u32Bytes(seed % 101));
        slot = patchSlot(slot, 296, u32Bytes(remaps));
        expectBytes(structure(back(slot).bytes), structure(slot));
      }),
      { numRuns: 20 },
    );
  });

  it('a text with a NUL in the middle', () => {
    const slot = patchSlot(drawSlot(), 40, [0x41, 0, 0x5c, 0xff, 0x0a]);
    expect(dumpOf(slot).header.mainDeviceUuid).toBe('A\\x00\\x5c\\xff\\x0a');
    expectBytes(structure(back(slot).bytes), structure(slot));
  });

  it('a dump of what is all zero leaves it out', () => {
    expect(dumpOf(drawSlot())).toMatchObject({ expansion: null, ghosts: [] });
    expect(Object.keys(dumpOf(drawSlot()).header)).not.toContain('padding');
    const padded = dumpOf(patchSlot(drawSlot(), 312 + 36, [1, 2, 3, 4]));
    expect(padded.entries[0]?.padding).toBe('0x04030201');
  });
});

describe('what is wrong is told, all of it, each with its place', () => {
  /** The dump of a drawn slot, mutable. */
  const draft = (remaps: readonly (readonly [bigint, bigint])[] = [[1000n, 3000n]]) =>
    // biome-ignore lint/suspicious/noExplicitAny: it is made wrong on purpose
    JSON.parse(JSON.stringify(dumpOf(drawSlot({ remaps })))) as any;

  it('every field of every part at once', () => {
    const dump = draft([
      [1000n, 3000n],
      [1001n, 3008n],
    ]);
    dump.copy = 5;
    dump.more = 1;
    dump.header.magic = '0x00000000';
    dump.header.version = 5;
    dump.header.healthScore = 101;
    dump.header.mainDeviceUuid = 'x'.repeat(38);
    dump.header.deviceModel = 'Fööbar';
    dump.header.deviceFingerprint = '0';
    dump.header.sequenceNumber = '18446744073709551616';
    dump.header.nextSpareSector = '4294967296';
    delete dump.header.remapFlags;
    dump.entries[0].spare = '1e5';
    dump.entries[0].note = 'mine';
    dump.entries[1] = null;
    dump.ghosts.push({ ...dump.entries[0], spare: '1', index: 2048 });
    dump.expansion = { version: -1, size: 1.5, data: 'zz' };
    expect(told(dump).map((line) => line.replace(/: must be .*/, ': must'))).toEqual([
      'more: unknown field',
      'copy: must',
      'header.sequenceNumber: must',
      'header.mainDeviceUuid: must',
      'header.deviceFingerprint: must',
      'header.deviceModel: must',
      'header.nextSpareSector: must',
      'header.remapFlags: is missing',
      'header.magic: must',
      'header.version: must',
      'header.healthScore: must',
      'entries[0].note: unknown field',
      'entries[0].spare: must',
      'entries[1]: must',
      'ghosts[0].note: unknown field',
      'ghosts[0].index: must',
      'expansion.version: must',
      'expansion.size: must',
      'expansion.data: must',
    ]);
  });

  it.each([
    '1e5',
    '-1',
    '0x10',
    '٣',
    '',
    ' 1',
    '1 ',
    '01',
    '+1',
    '1.0',
    '1n',
    '9'.repeat(99_999),
    1000,
    null,
    true,
    [],
    {},
  ])('a sector %.20j', (sector) => {
    const dump = draft();
    dump.entries[0].original = sector;
    expect(told(dump)).toEqual([
      'entries[0].original: must be a string of decimal digits, from 0 to 18446744073709551615',
    ]);
  });

  it.each([-1, 65_536, 1.5, '1', null, Number.MAX_VALUE])('flags %j', (flags) => {
    const dump = draft();
    dump.entries[0].flags = flags;
    expect(told(dump)).toEqual(['entries[0].flags: must be a whole number from 0 to 65535']);
  });

  it('a bad table: each entry and why; what is allowed is taken', () => {
    const dump = draft([
      [1000n, 3000n],
      [1000n, 3008n],
      [1001n, 3008n],
      [1002n, 9999n],
      [99_999n, 3016n],
      [1003n, 5n],
    ]);
    const lines = told(dump);
    expect(lines.map((line) => line.replace(/: .* \[/, ' ['))).toEqual([
      'entries[0].original [duplicate-original]',
      'entries[2].spare [duplicate-spare]',
      'entries[3].spare [spare-out-of-range]',
      'entries[4].original [original-out-of-range]',
      'entries[5].spare [spare-inside-metadata]',
    ]);
    expect(told(dump, { allowFlaws: true })).toEqual(lines.slice(-1));
    expect(told(dump, { allowDataInMetadata: true })).toEqual(lines.slice(0, -1));
    expect(told(dump, everything)).toEqual([]);
  });

  it('an entry or a size that cannot be read makes no other one wrong', () => {
    const dump = draft([
      [1000n, 3000n],
      [1001n, 3000n],
    ]);
    dump.entries.unshift({});
    dump.header.activeRemaps = 3;
    dump.header.mainDeviceSectors = 'x';
    const [size, ...others] = told(dump);
    expect(size).toMatch(/^header.mainDeviceSectors: must/);
    expect(others.filter((line) => !line.startsWith('entries[0].'))).toEqual([
      expect.stringMatching(/^entries\[2\]\.spare: Entries 1 and 2 map .* \[duplicate-spare\]$/),
    ]);
  });

  it('a count that is not that of the entries, and a table that is too long', () => {
    const dump = draft();
    dump.header.activeRemaps = 2;
    expect(told(dump)).toEqual(['header.activeRemaps: must be 1: so many are in entries']);
    dump.entries = Array(2049).fill(dump.entries[0]);
    expect(told(dump)).toContain('entries: 2049 are in it, and 2048 is the most');
  });

  it('ghosts inside the table, and two in one place', () => {
    const dump = draft();
    const ghost = (index: unknown) => ({ ...dump.entries[0], index });
    dump.ghosts = [ghost(0), ghost(7), ghost(7), ghost(2048)];
    expect(told(dump)).toEqual([
      'ghosts[0].index: must be at least 1: below it is the table',
      'ghosts[2].index: 7 is there twice',
      'ghosts[3].index: must be a whole number from 0 to 2047',
    ]);
  });

  it('a structure of a 32-bit kernel', () => {
    const dump = draft();
    dump.header.structureSize = 76_092;
    expect(told(dump)).toEqual(['header: such a copy holds the foreign layout "i386"']);
  });

  it.each([
    ['nothing', '', 'it is not JSON'],
    ['half of it', '{"schema": "dmremap.dump/1"', 'it is not JSON'],
    ['another document', '{"schema": "dmremap.dump/2"}', 'schema: must be "dmremap.dump/1"'],
    ['no schema', '{}', 'schema: is missing'],
    ['a list', '[]', 'must be an object'],
    ['a number', '5', 'must be an object'],
    ['deep nesting', '['.repeat(2_000_000), 'it is not JSON'],
    ['deep nesting that is closed', '['.repeat(1_000_000) + ']'.repeat(1_000_000), 'must be an object'],
    [
      'a key twice',
      '{"schema": "dmremap.dump/1",\n"copy": 1, "c\\u006fpy": 2}',
      'line 2: the key "copy" is there twice',
    ],
    ['a prototype', '{"__proto__": {"schema": "dmremap.dump/1"}}', '__proto__: unknown field'],
  ])('%s', (_, text, says) => {
    expect(told(Buffer.from(text)).map((line) => line.replace(/^: /, ''))).toContain(says);
  });

  it('bytes that are not UTF-8, and more bytes than a dump can have', () => {
    expect(told(Buffer.from([0x22, 0xc3, 0x28, 0x22]))).toEqual([': it is not UTF-8']);
    expect(told(new Uint8Array(maxDumpBytes + 1))).toEqual([
      `: it has more than ${maxDumpBytes} bytes, and no dump has`,
    ]);
  });

  it('no bytes whatever make anything but a dump or a list of problems', () => {
    const text = JSON.stringify(draft());
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom('', '0', '"', ',', '}', '-', '\\', '\u0000'),
        (at, other) => {
          const changed = text.slice(0, at) + other + text.slice(at + 1);
          expect(told(Buffer.from(changed)).length).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: 500 },
    );
    fc.assert(fc.property(fc.jsonValue(), (value) => told(value).length > 0));
  });
});
