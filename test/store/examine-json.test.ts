import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { sector, unixSeconds } from '../../lib/base/units.js';
import type { Report } from '../../lib/store/examine/examine.js';
import { toExamineJson } from '../../lib/store/json/examine-json.js';
import { drawnNow, drawSlot, examineImage, examineSlots, patchSlot } from '../support/disk.js';
import { drawDisk } from '../support/draw.js';
import { goldenBytes, goldenImages } from '../support/golden.js';

const schema: object = JSON.parse(
  readFileSync(new URL('../../docs/examine.schema.json', import.meta.url), 'utf8'),
);
const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(schema);

/** The document as a script reads it, proven against the schema. */
function documentOf(report: Report, path = 'spare.img') {
  const document = toExamineJson(report, path);
  const parsed: unknown = JSON.parse(JSON.stringify(document));
  expect(validate(parsed), JSON.stringify(validate.errors)).toBe(true);
  expect(parsed).toEqual(document); //  Nothing is lost on the way: no undefined, no bigint.
  return document;
}

test('the document of one remap is that of the specification', () => {
  const report = examineImage(goldenBytes('u_one'), { now: unixSeconds(1_760_000_000) });
  const document = documentOf(report);
  expect({ ...document, copies: document.copies.slice(0, 1) }).toEqual({
    schema: 'dmremap.examine/1',
    path: 'spare.img',
    sizeBytes: '655360',
    geometry: 'driver',
    now: '1760000000',
    changedWhileRead: false,
    stillChanging: false,
    inUse: { state: 'unknown', by: null },
    copies: [
      {
        copy: 0,
        offset: '0',
        state: 'valid',
        damage: null,
        driver: { accepts: true, rejects: null },
        header: {
          magic: '0x444d5234',
          version: 4,
          sequence: '2',
          timestamp: '1760000000',
          checksum: '0xd52a94d6',
          computed: '0xd52a94d6',
          copyIndex: 0,
          structureSize: 84_288,
        },
        activeRemaps: 1,
        maxRemaps: 2048,
        nextSpareSector: '0',
        healthScore: 100,
      },
    ],
    elections: { driver: { copy: 0, sequence: '2' }, ours: { copy: 0, sequence: '2' }, agree: true },
    activation: {
      verdict: 'keeps',
      reasons: [],
      admission: { accepts: true, reasons: [], neededSectors: '452', assumedOverheadPercent: 2 },
    },
    device: {
      mainSectors: '16384',
      spareSectors: '8192',
      sectorSize: 512,
      mainUuid: '',
      spareUuid: '',
      model: '',
    },
    entries: [
      {
        index: 0,
        original: '1000',
        spare: '3000',
        timestamp: '1760000000123456789',
        accessCount: 0,
        errorCount: 1,
        reason: 0,
        flags: 2,
        effective: true,
      },
    ],
    ghosts: [],
    lints: [{ id: 'handover', severity: 'info', copies: [0], message: expect.any(String) }],
  });
  expect(document.copies).toHaveLength(5);
});

test.each(goldenImages)('$name has a document that the schema accepts', (golden) => {
  const document = documentOf(examineImage(goldenBytes(golden), { now: unixSeconds(golden.now) }));
  expect(document.copies.map(({ driver }) => driver.accepts)).toEqual(golden.valid);
});

describe('what is null', () => {
  const allNull = { activeRemaps: null, maxRemaps: null, nextSpareSector: null, healthScore: null };
  const read = { activeRemaps: 1, maxRemaps: 2048, nextSpareSector: '0', healthScore: 100 };
  const header = expect.objectContaining({ sequence: '9', structureSize: 84_288 });
  const rejects = (rule: string) => ({ accepts: false, rejects: rule });

  test.each([
    ['.', { state: 'absent', damage: null, header: null, ...allNull, driver: rejects('absent') }],
    [
      '!',
      {
        damage: { fault: 'unreadable', errno: 'EIO' },
        header: null,
        ...allNull,
        driver: rejects('unreadable'),
      },
    ],
    ['-', { damage: { fault: 'blank' }, header: null, ...allNull, driver: rejects('magic') }],
    [
      's',
      {
        damage: { fault: 'foreign', layout: 'shell-stub' },
        header: null,
        ...allNull,
        driver: rejects('version'),
      },
    ],
    [
      '9i',
      {
        damage: { fault: 'foreign', layout: 'i386' },
        header: null,
        ...allNull,
        driver: { accepts: true, rejects: null },
      },
    ],
    [
      'm',
      { damage: { fault: 'magic', found: '0x444d5200' }, header: null, ...allNull, driver: rejects('magic') },
    ],
    ['v', { damage: { fault: 'version', found: 5 }, header, ...allNull, driver: rejects('version') }],
    [
      'x',
      {
        damage: {
          fault: 'checksum',
          stored: expect.stringMatching(/^0x[0-9a-f]{8}$/),
          computed: expect.any(String),
        },
        header,
        ...read,
        driver: rejects('checksum'),
      },
    ],
    [
      '9#',
      {
        damage: { fault: 'count', found: 2049 },
        header,
        ...read,
        activeRemaps: 2049,
        healthScore: 101,
        driver: rejects('count'),
      },
    ],
    [
      '9h',
      {
        damage: { fault: 'health', found: 101 },
        header,
        ...read,
        healthScore: 101,
        driver: rejects('health'),
      },
    ],
    ['9+', { state: 'valid', damage: null, header, ...read, driver: rejects('future') }],
  ])('%s', (word, expected) => {
    const { copies } = documentOf(examineSlots(drawDisk(`- ${word} - - -`)));
    expect(copies[1]).toEqual({ state: 'damaged', ...expected, copy: 1, offset: '131072' });
  });

  test('without an elected copy there is no device, no entry and no ghost', () => {
    expect(documentOf(examineSlots(drawDisk('x - g v .')))).toMatchObject({
      elections: { driver: null, ours: null, agree: true },
      device: null,
      entries: [],
      ghosts: [],
    });
  });
});

test('64-bit numbers keep every digit', () => {
  const most = 2n ** 64n - 1n;
  const header = { mainDeviceSectors: sector(most), nextSpareSector: sector(0xffff_ffffn) };
  const slot = drawSlot({ sequence: most, timestamp: most, remaps: [[most, most - 1n]], header });
  const document = documentOf(examineSlots([slot, slot, slot, slot, slot], { now: unixSeconds(most) }));
  expect(document).toMatchObject({
    now: '18446744073709551615',
    copies: Array(5).fill({
      header: { sequence: `${most}`, timestamp: `${most}` },
      nextSpareSector: '4294967295',
    }),
    device: { mainSectors: '18446744073709551615' },
    entries: [{ original: '18446744073709551615', spare: '18446744073709551614' }],
  });
});

test('strings from disk cannot steer a terminal, in JSON either', () => {
  const bytes = (text: string) => [...text].map((char) => char.charCodeAt(0));
  const named = patchSlot(drawSlot(), 40, [...bytes('a\u001b[31m'), 0, ...bytes('hidden')]);
  const slot = patchSlot(patchSlot(named, 176, [0xff, ...bytes('\\x41')]), 77, bytes('s'.repeat(37)));
  expect(documentOf(examineSlots([slot, slot, slot, slot, slot])).device).toMatchObject({
    mainUuid: 'a\\x1b[31m',
    spareUuid: 's'.repeat(37),
    model: '\\xff\\x5cx41',
  });
});

test('ghosts have the fields of an entry and map nothing', () => {
  const slot = patchSlot(drawSlot({ remaps: [] }), 312 + 8, [7]);
  const { ghosts, lints } = documentOf(examineSlots([slot, slot, slot, slot, slot]));
  expect(ghosts).toEqual([
    {
      index: 0,
      original: '0',
      spare: '7',
      timestamp: '0',
      accessCount: 0,
      errorCount: 0,
      reason: 0,
      flags: 0,
      effective: false,
    },
  ]);
  expect(lints).toEqual([expect.objectContaining({ id: 'ghosts', severity: 'info', copies: [0] })]);
});

test('lints of entries name the entry, lints of copies the copies, never both', () => {
  const slot = drawSlot({ remaps: [[1n, 5n]] });
  const { lints } = documentOf(examineSlots([slot, slot, slot, slot, drawSlot({ remaps: [] })]));
  expect(lints.map((lint) => Object.keys(lint).sort().join())).toEqual([
    'copies,id,message,severity',
    'entry,id,message,severity',
  ]);
});

describe('the schema', () => {
  const good = () => JSON.parse(JSON.stringify(toExamineJson(examineSlots(drawDisk('7 x 6 - .')), 'p')));

  test('a field may be added anywhere', () => {
    const document = good();
    document.added = document.copies[0].added = document.elections.added = true;
    expect(validate(document)).toBe(true);
  });

  test.each([
    ['a missing field', (document: ReturnType<typeof good>) => delete document.now],
    ['a number in place of a decimal string', (document) => (document.now = Number(drawnNow))],
    ['four copies', (document) => document.copies.pop()],
    ['damage on a valid copy', (document) => (document.copies[0].damage = { fault: 'blank' })],
    ['a damaged copy without damage', (document) => (document.copies[1].damage = null)],
    ['an unknown fault', (document) => (document.copies[1].damage.fault = 'tired')],
    ['a verdict that nobody knows', (document) => (document.activation.verdict = 'perhaps')],
    ['a lint of the wrong severity', (document) => (document.lints[0].severity = 'info')],
    ['a checksum without leading zeros', (document) => (document.copies[0].header.checksum = '0x1')],
  ] as [string, (document: ReturnType<typeof good>) => unknown][])('%s is found', (_, spoil) => {
    const document = good();
    spoil(document);
    expect(validate(document)).toBe(false);
  });
});
