// Room: cli. `dmremap dump`: one copy with everything that is in it, as a document that `restore --dump` takes, or for people.
import { toDumpJson } from '../../store/json/dump-json.js';
import { type Command, jsonOption, print } from '../command.js';
import { exactOperands } from '../options/args.js';
import { dumpText } from '../print/dump-text.js';
import { jsonText } from '../print/escape.js';
import { exitBits } from '../print/exit-status.js';
import { withTable } from '../spare/shown-table.js';

const name = 'dump';

export const dumpCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'write out all that a table holds, to read or to restore',
  about: [
    'Opens PATH for reading only, and tells of the copy that we elect, or of the one that is named: every field of its',
    'header, the entries, what is left behind them of an earlier table (ghosts), and the expansion area. The JSON document',
    'holds enough to make the same structure again, byte for byte: `restore --dump` does. For people, remaps that follow',
    'each other on both devices are one line. Exits with 4 where no copy is valid, and says why.',
  ],
  examples: [
    { command: 'dmremap dump /dev/sdb', says: 'What is in the table, at a glance:' },
    { command: 'dmremap dump --json spare.img > table.json', says: 'All of it, to keep or to edit:' },
    { command: 'dmremap dump --copy 3 spare.img', says: 'Of copy 3, whichever copy wins:' },
  ],
  options: { copy: { value: 'N', help: 'dump copy N (0 to 4) instead of the elected one' }, ...jsonOption },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    return withTable(context, args, path, name, ({ report, shown }) => {
      if (args.flags.has('json'))
        context.stdout.write(
          jsonText({ ...toDumpJson(shown, path, report.geometry, report), inUse: report.inUse }),
        );
      else print(context, dumpText(shown, path));
      return exitBits.clean;
    });
  },
};
