// Room: cli. `dmremap examine`: everything that is known about a spare. It judges nothing; `check` does.
import { unixSeconds } from '../../base/units.js';
import { copyCount } from '../../format/structure.js';
import { compareCopies } from '../../store/examine/compare.js';
import { explain } from '../../store/examine/explain.js';
import { toComparisonJson } from '../../store/json/compare-json.js';
import { toExamineJson } from '../../store/json/examine-json.js';
import { toExplanationJson } from '../../store/json/explain-json.js';
import { type Command, geometryNames, print, readOptions } from '../command.js';
import type { Context } from '../context.js';
import { type Args, exactOperands, UsageError } from '../options/args.js';
import { choiceOption, copyOption, numberOption, wholeNumber } from '../options/numbers.js';
import { comparisonLines } from '../print/compare-text.js';
import { jsonText } from '../print/escape.js';
import { examineText } from '../print/examine-text.js';
import { explanationLines } from '../print/explain-text.js';
import { painter, widthOf } from '../print/text.js';
import { examineSpare } from '../spare/live.js';

const name = 'examine';

/** How the options say that a spare is read. */
export function reportOptions(context: Context, args: Args, command: string) {
  const now = numberOption(args, 'now', command);
  return {
    geometry: choiceOption(args, 'geometry', geometryNames, command),
    now: now === undefined ? context.now() : unixSeconds(now),
    copy: copyOption(args, command),
  };
}

/** Reads a spare as the options say. Never opens it for writing. */
export const readReport = (context: Context, args: Args, path: string, command: string) =>
  examineSpare(context, path, reportOptions(context, args, command));

/** `--compare=A,B`: the copies named; undefined where none are. */
function comparedOption(args: Args): readonly number[] | undefined {
  const text = args.values.get('compare');
  if (text === undefined) return undefined;
  const copies = text.split(',').map((copy) => Number(wholeNumber(copy, '--compare', name, 0n, lastCopy)));
  if (copies.length > 1 && new Set(copies).size === copies.length) return copies;
  throw new UsageError(`bad value '${text}' for --compare: two copies or more, with commas: A,B`, name);
}

const lastCopy = BigInt(copyCount - 1);

export const examineCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'tell everything about a spare: its copies, which one wins, why',
  about: [
    'PATH is a block device, or an image of at least the first 655360 bytes of one.',
    'Opens it for reading only. Exits with 0 when it could examine, whatever it found, and with 4 where the',
    'spare was written to each time that it was read.',
  ],
  examples: [
    {
      command: 'dmremap examine /dev/sdb',
      says: 'What is on the spare, and what the kernel module would do to it:',
    },
    {
      command: 'dmremap examine --json spare.img',
      says: 'The same for a program, of an image of the spare:',
    },
    {
      command: 'dmremap examine --explain spare.img',
      says: 'Why that copy wins, each copy rule by rule:',
    },
    {
      command: 'dmremap examine --compare=1,3 spare.img',
      says: 'In what copies 1 and 3 differ, field by field, entry by entry:',
    },
    {
      command: 'dmremap examine --copy 3 --all spare.img',
      says: 'Every entry of copy 3, whichever copy wins:',
    },
  ],
  options: {
    ...readOptions,
    copy: { value: 'N', help: 'list the entries of copy N (0 to 4) instead of the elected one' },
    compare: {
      value: 'A,B',
      optional: true,
      help: 'tell in what the copies differ: all that can be recognised, or only those named',
    },
    explain: { help: 'tell both elections rule by rule, and where they part' },
    all: { help: 'list every entry, ghost and finding' },
  },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    const named = comparedOption(args);
    const { report, status } = await readReport(context, args, path, name);
    const comparison = args.flags.has('compare') ? compareCopies(report, named) : null;
    const explanation = args.flags.has('explain') ? explain(report) : null;
    if (args.flags.has('json')) {
      context.stdout.write(
        jsonText({
          ...toExamineJson(report, path),
          ...(explanation && { explanation: toExplanationJson(explanation) }),
          ...(comparison && { comparison: toComparisonJson(comparison) }),
        }),
      );
    } else {
      const shown = { all: args.flags.has('all'), width: widthOf(context) };
      const more = [
        ...(explanation === null ? [] : explanationLines(explanation)),
        ...(comparison === null ? [] : comparisonLines(comparison, shown)),
      ];
      print(context, examineText(report, path, { ...shown, paint: painter(context), more }));
    }
    return status;
  },
};
