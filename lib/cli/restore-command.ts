// Room: cli. `dmremap restore`: a commit of a table that was saved in a file.
import { restore, sectorsOfSpare } from '../recovery/restore.js';
import { copiesText } from '../store/words.js';
import { exactOperands, UsageError } from './args.js';
import { backupChoice, planAndWrite } from './backup.js';
import {
  type Command,
  dataInMetadataOption,
  jsonOption,
  preimageOption,
  print,
  writeOptions,
} from './command.js';
import { commitEnd, statusOfCommit, toCommitJson, writtenCopies } from './commit-text.js';
import { escapeText, jsonText } from './escape.js';
import { tableInFile } from './file-table.js';
import { copyOption, timeoutOption } from './numbers.js';
import { allowedOther, withYes, yesOption } from './other-main.js';
import { withSpare } from './spare.js';
import { counted } from './text.js';

const name = 'restore';

export const restoreCommand: Command = {
  name,
  operands: 'SPARE',
  summary: 'commit the table of a backup to a spare',
  about: [
    'FILE is what `backup` has made, what a write command has saved, or any image of a spare. What carries hashes is',
    'proven first. Its table becomes the one with the highest sequence on SPARE, as by any commit: at every moment a reader',
    'finds the table from before or the new one. The data of the remapped sectors is not in it, nor is it copied.',
    'Refuses a spare that belongs to another main device, or holds other data, unless --yes names it. What is there is',
    'saved before, and the way to undo it is told.',
  ],
  examples: [
    { command: 'dmremap restore --backup spare.backup new.img', says: 'To a spare that has nothing yet:' },
    {
      command: 'dmremap restore --backup spare.backup --copy 2 spare.img',
      says: 'The table of one copy, whatever the others hold:',
    },
  ],
  options: {
    backup: { value: 'FILE', help: 'the file with the table' },
    copy: { value: 'N', help: 'the table of copy N in FILE (0 to 4) instead of the elected one' },
    ...yesOption,
    ...preimageOption,
    buffered: writeOptions.buffered,
    timeout: writeOptions.timeout,
    'allow-single-copy': writeOptions['allow-single-copy'],
    ...dataInMetadataOption,
    ...jsonOption,
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['SPARE'], name);
    const file = args.values.get('backup') ?? '';
    if (file === '') throw new UsageError("option '--backup' needs a value: FILE", name);
    const copy = copyOption(args, name);
    const saveTo = backupChoice(args, name, 'preimage');
    timeoutOption(args, name);
    const allowed = {
      allowOther: allowedOther(args, path, name),
      allowUnsafe: args.flags.has('allow-single-copy'),
      allowDataInMetadata: args.flags.has('allow-data-in-metadata'),
    };
    const source = await tableInFile(context, file, copy);
    return withSpare(context, args, path, name, async (spare) => {
      const { result, backup } = await planAndWrite(context, spare, {
        command: name,
        backup: saveTo,
        operate: async (device, now) => {
          try {
            return await restore(device, source.slot, { ...allowed, now, ...spare.limits() });
          } catch (error) {
            throw withYes(error);
          }
        },
      });
      const { commit, after } = result;
      const { header } = source.slot;
      const sectors = sectorsOfSpare(spare.device, source.slot);
      const exitStatus = statusOfCommit(commit, after);
      if (args.flags.has('json')) {
        const document = {
          schema: 'dmremap.restore/1',
          path,
          file,
          source: {
            copy: source.copy,
            sequence: `${header.sequenceNumber}`,
            remaps: header.activeRemaps,
            mainSectors: `${header.mainDeviceSectors}`,
            spareSectors: `${header.spareDeviceSectors}`,
          },
          spareSectors: `${sectors}`,
          commit: toCommitJson(commit, after),
          backup,
          exitStatus,
        };
        context.stdout.write(jsonText(document));
        return exitStatus;
      }
      const { activeRemaps, sequenceNumber, spareDeviceSectors } = header;
      print(context, [
        `restored ${escapeText(path)}: ${counted(activeRemaps, 'remap')} of copy ${source.copy} in ${escapeText(file)}, sequence ${sequenceNumber} there`,
        `  committed sequence ${commit.sequence} to ${copiesText(writtenCopies(commit))}`,
        ...(sectors === spareDeviceSectors
          ? []
          : [`  the spare has ${sectors} sectors, and had ${spareDeviceSectors}: ${sectors} are written`]),
        ...commitEnd(commit, after).map((line) => `  ${line}`),
      ]);
      return exitStatus;
    });
  },
};
