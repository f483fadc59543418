// Room: cli. `dmremap check`: is anything wrong with this spare? The verdict first, and in the exit status.
import type { Report } from '../store/examine.js';
import { toExamineJson } from '../store/examine-json.js';
import { adviceLines } from './advice.js';
import { exactOperands } from './args.js';
import { recommendations } from './check-advice.js';
import { statusOfVerdict, verdictOf, verdictSentence } from './check-verdict.js';
import { type Command, print, readOptions } from './command.js';
import { activationText, activationTone } from './election-text.js';
import { escapeText, jsonText } from './escape.js';
import { readReport } from './examine-command.js';
import { exitBits } from './exit-status.js';
import { lintCounts, lintLines } from './lint-text.js';
import { folded, indented, painter, type Tone, widthOf } from './text.js';

const name = 'check';

/** The document dmremap.check/1 (docs/check.schema.json). */
export function toCheckJson(report: Report, path: string) {
  const verdict = verdictOf(report);
  const { sizeBytes, geometry, now, changedWhileRead, stillChanging, elections, activation, lints } =
    toExamineJson(report, path);
  return {
    schema: 'dmremap.check/1',
    path,
    sizeBytes,
    geometry,
    now,
    changedWhileRead,
    stillChanging,
    verdict,
    exitStatus: statusOfVerdict(verdict) | (stillChanging ? exitBits.damageLeft : exitBits.clean),
    summary: verdictSentence(report, verdict),
    activation,
    elections,
    lints,
  };
}

interface Shown {
  readonly paint: (tone: Tone, text: string) => string;
  readonly all: boolean;
  /** Of a line, in columns. */
  readonly width: number;
}

/** The verdict, what the module would do, the reasons, what to do. */
function checkText(report: Report, path: string, { paint, all, width }: Shown): string[] {
  const verdict = verdictOf(report);
  const counts = lintCounts(report.lints);
  const word = paint(verdict === 'clean' ? 'good' : 'error', verdict.toUpperCase());
  const marked = (activation: string) => paint(activationTone(report.activation.verdict), activation);
  const advice = recommendations(report, path);
  const now = 'if activated now:  ';
  return [
    ...folded(
      [
        `${escapeText(path)}: ${word}: ${verdictSentence(report, verdict)}${counts && ` [${counts}]`}`,
        ...indented([
          `${now}${activationText(report, marked)}`,
          ...report.activation.reasons.map((reason) => `${' '.repeat(now.length)}${reason}`),
          ...lintLines(report.lints, paint, all),
        ]),
      ],
      width,
    ),
    ...(advice.length > 0 ? ['  recommended:'] : []),
    ...indented(indented(advice.flatMap((one) => adviceLines(one, width - 4)))),
  ];
}

export const checkCommand: Command = {
  name,
  operands: 'PATH',
  summary: 'judge a spare: is anything wrong? The exit status says so',
  about: [
    'Exits with 0 where nothing is wrong (warnings alone do not count), 4 where damage or ambiguity is left:',
    'a finding of severity error, elections that disagree, a spare that the kernel module would not keep,',
    'an empty file or one in which no copy fits. Opens PATH for reading only. Where something is to be done, it',
    'names the command to type.',
  ],
  examples: [
    { command: 'dmremap check /dev/sdb', says: 'Is all well, and what is to be done if not?' },
    {
      command: 'dmremap check --now 1760000000 spare.img',
      says: 'What the module would do if the clock of its host stood there:',
    },
  ],
  options: { ...readOptions, all: { help: 'list every finding' } },
  async run(context, args) {
    const [path = ''] = exactOperands(args, ['PATH'], name);
    const { report, status } = await readReport(context, args, path, name);
    const shown = { paint: painter(context), all: args.flags.has('all'), width: widthOf(context) };
    if (args.flags.has('json')) context.stdout.write(jsonText(toCheckJson(report, path)));
    else print(context, checkText(report, path, shown));
    return status | statusOfVerdict(verdictOf(report));
  },
};
