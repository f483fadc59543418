// Room: cli. `dmremap remap list`: the table of a spare.
import { DmremapError } from '../base/errors.js';
import type { ValidSlot } from '../store/copies.js';
import type { Report } from '../store/examine.js';
import { examineDevice } from '../store/examine-device.js';
import { toExamineJson } from '../store/examine-json.js';
import { exactOperands } from './args.js';
import { type Command, jsonOption, print } from './command.js';
import { ambiguityClauses } from './election-text.js';
import { escapeMessage, jsonText } from './escape.js';
import { entryTable } from './examine-text.js';
import { exitBits } from './exit-status.js';
import { copyOption } from './numbers.js';
import { counted } from './text.js';

const name = 'remap list';

export const remapListCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'list the remaps of a spare',
  about: ['Opens PATH for reading only. Lists the table that we elect; `examine` tells why it is that one.'],
  options: { copy: { value: 'N', help: 'list the table of copy N (0 to 4) instead' }, ...jsonOption },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    const copy = copyOption(args, name);
    const report = await examineDevice(path, { now: context.now(), copy, signal: context.signal });
    const { shown, entries, ambiguities } = report;
    if (shown === null) {
      const reasons = report.activation.reasons.join(' ');
      throw new DmremapError('ERR_NO_METADATA', `${path}: there is no table to list. ${reasons}`.trim());
    }
    if (ambiguities.length > 0 && copy === undefined) {
      const text = `${path}: ${ambiguityClauses(report).join('; ')}: this is copy ${shown.copy}, --copy N lists another`;
      context.stderr.write(`dmremap: warning: ${escapeMessage(text)}\n`);
    }
    if (args.flags.has('json')) {
      context.stdout.write(jsonText(toRemapListJson(report, shown, path)));
      return exitBits.clean;
    }
    const of = `of copy ${shown.copy}, sequence ${shown.slot.header.sequenceNumber}`;
    if (entries.length === 0) print(context, [`no remaps ${of}`]);
    else print(context, [...entryTable(entries), `${counted(entries.length, 'remap')} ${of}`]);
    return exitBits.clean;
  },
};

/** The document dmremap.remap-list/1 (docs/remap-list.schema.json). */
function toRemapListJson(report: Report, { copy, slot: { header } }: ValidSlot, path: string) {
  const { geometry, entries } = toExamineJson(report, path);
  return {
    schema: 'dmremap.remap-list/1',
    path,
    geometry,
    copy,
    sequence: `${header.sequenceNumber}`,
    mainSectors: `${header.mainDeviceSectors}`,
    spareSectors: `${header.spareDeviceSectors}`,
    entries,
  };
}
