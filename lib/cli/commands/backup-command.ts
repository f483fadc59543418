// Room: cli. `dmremap backup`: the metadata of a spare in a file, to keep elsewhere. The spare is only read.

import type { InUse } from '../../device/use.js';
import { type MetadataBackup, makeBackup } from '../../recovery/metadata-backup.js';
import { writeNewFile } from '../../recovery/new-file.js';
import { readRegionSteadily, rehearsalOf } from '../../recovery/region.js';
import { looksLikeOurs } from '../../store/examine/activation.js';
import type { Report } from '../../store/examine/examine.js';
import { examineDevice } from '../../store/examine/examine-device.js';
import type { Reading } from '../../store/examine/stable-read.js';
import { strangerClauses } from '../../store/examine/strangers.js';
import { copiesText, listOf } from '../../store/table/phrases.js';
import { type Command, jsonOption, print, progressOption, writeOptions } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands } from '../options/args.js';
import { limitsOf } from '../options/limits.js';
import { timeoutOption } from '../options/numbers.js';
import { commandLine, escapeText, jsonText, shellQuote } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { bytesText, counted } from '../print/text.js';
import { tellReading, tellUse } from '../spare/live.js';
import { absolute } from '../spare/resolved-path.js';
import { withDevice } from '../spare/strangers.js';

const name = 'backup';

export const backupCommand: Command = {
  name,
  operands: 'SPARE FILE',
  summary: 'save the metadata of a spare to a new file, with hashes',
  about: [
    'FILE is an image that every command reads as the spare, with its hashes behind it; `restore` brings a table that was valid',
    'back.',
    'What lies behind the structures in their slots is left out, as it may be memory of a kernel. Where a remapped sector',
    'has its data there it is kept, and told: such data is saved in FILE, and is lost where FILE is.',
    'SPARE is opened for reading only. Exits with 4 where no copy is valid: FILE then holds the bytes, and no table.',
  ],
  examples: [
    { command: 'dmremap backup /dev/sdb spare.backup', says: 'To a file, to be kept on another disk:' },
    {
      command: 'dmremap backup spare.img new.backup && dmremap check new.backup',
      says: 'And whether it is whole:',
    },
  ],
  options: { timeout: writeOptions.timeout, ...progressOption, ...jsonOption },
  async run(context, args) {
    const [path = '', given = ''] = exactOperands(args, ['SPARE', 'FILE'], name);
    const limits = limitsOf(context, timeoutOption(args, name));
    context.progress?.begin('open');
    const opened = await context.openDevice(path, { mode: 'read', direct: 'prefer', ...limits() });
    const device = context.progress?.watch(opened) ?? opened;
    try {
      const { region, reading } = await readRegionSteadily(device, limits);
      const status = tellReading(context, path, reading);
      const inUse = await tellUse(context, path, opened);
      const now = context.now();
      const saved = await examineDevice(rehearsalOf(device, region), {
        geometry: 'driver',
        now,
        ...limits(),
      });
      const report = await withDevice(context, { device, path, limits }, saved, now);
      const { file: bytes, backup } = makeBackup(region, report, device.info, now);
      const file = absolute(context, given);
      context.progress?.begin('save');
      await writeNewFile(file, bytes);
      return tell(context, args, path, file, report, backup, { ...reading, inUse }, status);
    } finally {
      await device.close();
    }
  },
};

function tell(
  context: Context,
  args: Args,
  path: string,
  file: string,
  report: Report,
  backup: MetadataBackup,
  reading: Reading & { readonly inUse: InUse },
  status: number,
): number {
  const { missing } = backup.region;
  const whole = backup.elected !== null && missing.length === 0;
  const exitStatus = status | (whole ? exitBits.clean : exitBits.damageLeft);
  if (args.flags.has('json')) {
    const restorable = backup.elected !== null;
    context.stdout.write(jsonText({ ...backup, path, file, ...reading, restorable, exitStatus }));
    return exitStatus;
  }
  const { elected, dataInside } = backup;
  const valid = report.copies.filter(({ slot }) => slot.state === 'valid').map(({ copy }) => copy);
  const kept = backup.copies.filter(({ slack }) => slack === 'kept').map(({ copy }) => copy);
  print(context, [
    `saved the metadata of ${escapeText(path)} to ${escapeText(file)}: ${bytesText(BigInt(backup.region.bytes))}`,
    elected === null
      ? `  NO copy is valid: ${withoutTable(report)}`
      : `  copy ${elected.copy} is elected: sequence ${elected.sequence}, ${counted(elected.remaps, 'remap')}; valid: ${copiesText(valid)}`,
    ...(missing.length > 0 ? [`  NOT in it: ${copiesText(missing)}, which cannot be read`] : []),
    ...(dataInside.length > 0
      ? [
          `  DATA of ${counted(dataInside.length, 'remapped sector')} lies in the metadata region: ${insideText(backup)}`,
          `    so what lies behind the structure in ${copiesText(kept)} is kept, and memory of a kernel may be in it`,
          '    each write to the metadata can destroy it: copy these sectors of the spare to a safe place before',
        ]
      : []),
    ...foreignText(report),
    ...wayBack(report, file, path),
  ]);
  return exitStatus;
}

/** What there is instead of a table. */
const withoutTable = ({ copies, strangers }: Report): string => {
  if (copies.some(looksLikeOurs)) return 'this is a backup of the damage';
  return strangers.unknown === null ? 'there is no metadata' : 'there is no metadata; other bytes were saved';
};

const foreignText = ({ strangers: { marks, told } }: Report): string[] => {
  const holds = [...strangerClauses(marks), ...told];
  return holds.length === 0 ? [] : [`  it holds ${escapeText(listOf(holds))}`];
};

/** How a table comes back out of the file; where there is none in it, what the file is good for. */
function wayBack({ copies, elections, ambiguities }: Report, file: string, path: string): string[] {
  if (copies.every(({ slot }) => slot.state === 'absent')) {
    return ['  there is no table in it, and no copy fits the device: `restore` has nothing to bring back'];
  }
  if (elections.ours === null) {
    return [
      '  there is no table in it, so `restore` has nothing to bring back; the bytes of the structures are in it, for a look:',
      `    ${commandLine('examine', file)}`,
    ];
  }
  const words = `restore --backup ${shellQuote(file)}`;
  if (ambiguities.length === 0) return [`  bring its table back with: ${commandLine(words, path)}`];
  return [
    '  more than one table in it could be the right one: look which, and bring it back by the number of its copy:',
    `    ${commandLine('examine --compare', file)}`,
    `    ${commandLine(`${words} --copy N`, path)}`,
  ];
}

function insideText({ dataInside }: MetadataBackup): string {
  const shown = dataInside.slice(0, 8).map(({ original, spare }) => `${original} -> ${spare}`);
  const more = dataInside.length - shown.length;
  return listOf(more > 0 ? [...shown, `${more} more`] : shown);
}
