// Room: cli. `dmremap remap list`: the table of a spare.

import type { Report } from '../../store/examine/examine.js';
import { tableShown } from '../../store/examine/open-table.js';
import { toExamineJson } from '../../store/json/examine-json.js';
import type { ValidSlot } from '../../store/table/copies.js';
import { type Command, jsonOption, print } from '../command.js';
import { exactOperands } from '../options/args.js';
import { jsonText } from '../print/escape.js';
import { entryTable } from '../print/examine-text.js';
import { heldLines, remainingLine, toHeldJson } from '../print/held-text.js';
import { counted, widthOf } from '../print/text.js';
import { readTable } from '../spare/shown-table.js';

const name = 'remap list';

export const remapListCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'list the remaps of a spare',
  about: ['Opens PATH for reading only. Lists the table that we elect; `examine` tells why it is that one.'],
  examples: [
    { command: 'dmremap remap list /dev/sdb', says: 'Which sectors are remapped, and to where:' },
    { command: 'dmremap remap list --copy 4 --json spare.img', says: 'The table of copy 4, for a program:' },
  ],
  options: { copy: { value: 'N', help: 'list the table of copy N (0 to 4) instead' }, ...jsonOption },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    const { report, shown, status } = await readTable(context, args, path, name);
    const { entries } = report;
    if (args.flags.has('json')) {
      context.stdout.write(jsonText(toRemapListJson(report, shown, path)));
      return status;
    }
    const remaps = tableShown(report);
    const held = remaps === null ? [] : heldLines(remaps);
    const end = remaps === null || held.length === 0 ? [] : [...held, remainingLine(remaps)];
    const of = `of copy ${shown.copy}, sequence ${shown.slot.header.sequenceNumber}`;
    if (entries.length === 0) print(context, [`no remaps ${of}`, ...end]);
    else
      print(context, [
        ...entryTable(entries, widthOf(context)),
        `${counted(entries.length, 'remap')} ${of}`,
        ...end,
      ]);
    return status;
  },
};

/** The document dmremap.remap-list/1 (docs/remap-list.schema.json). */
function toRemapListJson(report: Report, { copy, slot: { header } }: ValidSlot, path: string) {
  const { geometry, changedWhileRead, stillChanging, inUse, entries } = toExamineJson(report, path);
  const remaps = tableShown(report);
  return {
    schema: 'dmremap.remap-list/1',
    path,
    geometry,
    changedWhileRead,
    stillChanging,
    inUse,
    copy,
    sequence: `${header.sequenceNumber}`,
    mainSectors: `${header.mainDeviceSectors}`,
    spareSectors: `${header.spareDeviceSectors}`,
    entries,
    ...(remaps && toHeldJson(remaps)),
  };
}
