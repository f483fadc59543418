// Faults put into the library on purpose: the explorer has to find each.
import type { Mutant } from '../support/mutants.js';

export const mutants: readonly Mutant[] = [
  {
    name: 'phases merged',
    file: 'store/commit/commit-plan.js',
    piece: 'const atOnce = usable >= 4 ? 2 : 1;',
    instead: 'const atOnce = 5;',
  },
  {
    name: 'all copies in one phase',
    file: 'store/commit/commit-plan.js',
    piece: 'const size = at === 0 && !haveDurable ? 1 : atOnce;',
    instead: 'const size = 5;',
  },
  {
    name: 'a flush dropped: before the first write',
    file: 'store/examine/inspect.js',
    piece: 'await device.flush({ signal: options.signal });',
    instead: '',
  },
  {
    name: 'a flush dropped: writes that are not durable',
    file: 'store/commit/write-copies.js',
    piece: 'await device.writeOrdered(steps, { signal });',
    instead: 'await device.writeOrdered(steps, { signal, durable: false });',
  },
  {
    name: 'a damaged slot is not disarmed',
    file: 'store/commit/commit-plan.js',
    piece: "disarm: role === 'damaged'",
    instead: 'disarm: false',
  },
  {
    name: 'a damaged slot is disarmed and written at once',
    file: 'store/commit/commit-plan.js',
    piece: "return disarms.length === 0 ? [bodies] : [parts(disarms, 'disarm'), bodies];",
    instead: "return disarms.length === 0 ? [bodies] : [[...parts(disarms, 'disarm'), ...bodies]];",
  },
  {
    name: 'a repair does not disarm',
    file: 'recovery/repair-plan.js',
    piece: "disarm: kind === 'damaged' || kind === 'unreadable'",
    instead: 'disarm: false',
  },
  {
    name: 'first copy chosen badly: the elected one',
    file: 'store/commit/commit-plan.js',
    piece: '.sort((a, b) => rank(a) - rank(b) || a.copy - b.copy)',
    instead: '.sort((a, b) => rank(b) - rank(a) || a.copy - b.copy)',
  },
  {
    name: 'first copy chosen badly: the lowest number',
    file: 'store/commit/commit-plan.js',
    piece: '.sort((a, b) => rank(a) - rank(b) || a.copy - b.copy)',
    instead: '.sort((a, b) => a.copy - b.copy)',
  },
  {
    name: 'last good copy overwritten: the named one before the elected one',
    file: 'store/commit/commit-plan.js',
    piece: 'return picked ? 6 : 3;',
    instead: 'return picked ? 5 : 3;',
  },
  {
    name: 'first copy chosen badly: the elected table whose end lets a third one win',
    file: 'store/commit/commit-plan.js',
    piece: 'return yields ? 4 : 5;',
    instead: 'return yields ? 5 : 4;',
  },
  {
    name: 'last good copy overwritten: like any other',
    file: 'store/commit/commit-plan.js',
    piece: 'return picked ? 6 : 3;',
    instead: 'return 1;',
  },
  {
    name: 'last good copy overwritten: the one that the driver takes before the one from the future',
    file: 'store/commit/commit-plan.js',
    piece: 'return picked ? 7 : 3;',
    instead: 'return picked ? 5 : 3;',
  },
  {
    name: 'last good copy overwritten: where the driver and the caller agree, another table outlives theirs',
    file: 'store/commit/slot-ledger.js',
    piece: 'else if (namedSlot !== undefined && sameTableOfMain(namedSlot.slot.bytes, bytes))',
    instead: 'else if (namedSlot !== undefined)',
  },
  {
    name: 'copies of another main device are not looked for',
    file: 'store/examine/mains.js',
    piece: 'return mains.some((a) => mains.some((b) => differ(a, b))) ? mains : [];',
    instead: 'return [];',
  },
  {
    name: 'the table of another main device with the same remaps outlives the named one',
    file: 'store/examine/mains.js',
    piece: 'sameTable(a, b) && !differ(mainOf(readHeader(a)), mainOf(readHeader(b)))',
    instead: 'sameTable(a, b)',
  },
  {
    name: 'a table that nobody elects outlives the others',
    file: 'store/commit/commit-plan.js',
    piece: "case 'other':\n                return 2;",
    instead: "case 'other':\n                return 6;",
  },
  {
    name: 'sequences compared the wrong way round',
    file: 'store/examine/election.js',
    piece: ': a.sequenceNumber > b.sequenceNumber',
    instead: ': a.sequenceNumber < b.sequenceNumber',
  },
  {
    name: 'sequences compared as 32 bits',
    file: 'store/examine/election.js',
    piece: ': a.sequenceNumber > b.sequenceNumber',
    instead: ': BigInt.asUintN(32, a.sequenceNumber) > BigInt.asUintN(32, b.sequenceNumber)',
  },
  {
    name: 'the next sequence is that of the elected copy plus one, whatever else is there',
    file: 'store/examine/election.js',
    piece: 'if (sequenceNumber > highest)',
    instead:
      "if (slot.state === 'valid' && slot.header.timestampSeconds < 1760000001n && sequenceNumber > highest)",
  },
  {
    name: 'a handover writes its own table first',
    file: 'recovery/handover-stages.js',
    piece:
      "strangers: numbersOf(copies.filter((copy) => copy.slot.state !== 'absent' && !holds(copy))),\n        holders: numbersOf(copies.filter(holds)),",
    instead:
      "holders: numbersOf(copies.filter((copy) => copy.slot.state !== 'absent' && !holds(copy))),\n        strangers: numbersOf(copies.filter(holds)),",
  },
  {
    name: 'a named handover gives up the others before another copy of the table is durable',
    file: 'recovery/handover-stages.js',
    piece: 'const needsAnother = strangers.length > 0 && (holders.length < 2 || !isAccepted);',
    instead: 'const needsAnother = false;',
  },
  {
    name: 'a named handover overwrites the named copy first',
    file: 'recovery/handover-stages.js',
    piece: 'Number(a.copy === source.copy) - Number(b.copy === source.copy)',
    instead: 'Number(b.copy === source.copy) - Number(a.copy === source.copy)',
  },
  {
    name: 'a named handover gives up in the wrong order',
    file: 'recovery/handover-stages.js',
    piece: 'giveUp: left.map(',
    instead: 'giveUp: left.reverse().map(',
  },
  {
    name: 'the checksum delta is off by one byte position',
    file: 'format/checksum.js',
    piece: 'const behind = structureBytes - end -',
    instead: 'const behind = structureBytes - end - 1 -',
  },
  {
    name: 'the checksum delta forgets the hole of the checksum itself',
    file: 'format/checksum.js',
    piece: '(end <= checksumOffset ? copyIndexOffset - checksumOffset : 0)',
    instead: '0',
  },
  {
    name: 'incremental write on unknown bytes: of a slot whose checksum alone is wrong',
    file: 'store/commit/slot-ledger.js',
    piece: "if (slot.state !== 'valid' && driverVerdict(slot, now) !== null)",
    instead: 'if (false)',
  },
  {
    name: 'incremental write on unknown bytes: of any slot',
    file: 'store/commit/slot-ledger.js',
    piece: "if (slot.role === 'named')\n                slot.content = content;",
    instead: 'if (slot.bytes !== null)\n                slot.content = content;',
  },
  {
    name: 'incremental write on unknown bytes: of a stale slot',
    file: 'store/commit/slot-ledger.js',
    piece: "if (slot.role === 'named')\n                slot.content = content;",
    instead: "if (slot.role === 'named' || slot.role === 'other')\n                slot.content = content;",
  },
];
