// Room: cli. `dmremap check`: is anything wrong with this spare? The verdict first, and in the exit status.
import { isAbortCode } from '../../base/cancellable.js';
import type { Report } from '../../store/examine/examine.js';
import { toExamineJson } from '../../store/json/examine-json.js';
import { type Command, print, readOptions } from '../command.js';
import { type Args, notEmpty, UsageError } from '../options/args.js';
import { adviceLines } from '../print/advice.js';
import { activationText, activationTone } from '../print/election-text.js';
import { escapeText, jsonText } from '../print/escape.js';
import { codeOf, exitBits } from '../print/exit-status.js';
import { reportFailure } from '../print/failure.js';
import { lintCounts, lintLines } from '../print/lint-text.js';
import { folded, indented, painter, type Tone, widthOf } from '../print/text.js';
import { examineSpare } from '../spare/live.js';
import { recommendations } from './check-advice.js';
import { statusOfVerdict, verdictOf, verdictSentence } from './check-verdict.js';
import { reportOptions } from './examine-command.js';

const name = 'check';

/** The document dmremap.check/1 (docs/check.schema.json). */
function toCheckJson(report: Report, path: string) {
  const verdict = verdictOf(report);
  const { sizeBytes, geometry, now, changedWhileRead, stillChanging, inUse, elections, activation, lints } =
    toExamineJson(report, path);
  return {
    schema: 'dmremap.check/1',
    path,
    sizeBytes,
    geometry,
    now,
    changedWhileRead,
    stillChanging,
    inUse,
    verdict,
    exitStatus: statusOfVerdict(verdict) | (stillChanging ? exitBits.damageLeft : exitBits.clean),
    summary: verdictSentence(report, verdict),
    activation,
    elections,
    lints,
  };
}

/** What stands in dmremap.checks/1 (docs/checks.schema.json) where a path could not be read. */
interface Unread {
  readonly path: string;
  readonly error: { readonly code: string; readonly message: string };
  readonly exitStatus: number;
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
  const refused = report.activation.admission?.accepts === false;
  const refusal = refused ? ['As the devices are, the module creates no target: see module-refuses.'] : [];
  return [
    ...folded(
      [
        `${escapeText(path)}: ${word}: ${verdictSentence(report, verdict)}${counts && ` [${counts}]`}`,
        ...indented([
          `${now}${activationText(report, marked)}`,
          ...[...report.activation.reasons, ...refusal].map((line) => `${' '.repeat(now.length)}${line}`),
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
  operands: 'PATH...',
  summary: 'judge a spare: is anything wrong? The exit status says so',
  about: [
    'Exits with 0 where nothing is wrong (warnings alone do not count), 4 where damage or ambiguity is left:',
    'a finding of severity error, elections that disagree, a spare that the kernel module would not keep,',
    'an empty file or one in which no copy fits. Opens PATH for reading only. Where something is to be done, it',
    'names the command to type.',
    '',
    'Of several paths each is judged by itself, and the bits of the exit status are OR-ed. One that cannot be read does not',
    'stop the others. With --json one path is a document dmremap.check/1; several are one document dmremap.checks/1.',
  ],
  examples: [
    { command: 'dmremap check /dev/sdb', says: 'Is all well, and what is to be done if not?' },
    { command: 'dmremap check /dev/sdb /dev/sdc', says: 'Of all spares, before they are activated:' },
    {
      command: 'dmremap check --now 1760000000 spare.img',
      says: 'What the module would do if the clock of its host stood there:',
    },
  ],
  options: { ...readOptions, all: { help: 'list every finding' } },
  async run(context, args) {
    const paths = pathsOf(args);
    const options = reportOptions(context, args, name);
    const json = args.flags.has('json');
    const shown = { paint: painter(context), all: args.flags.has('all'), width: widthOf(context) };
    const checks: (ReturnType<typeof toCheckJson> | Unread)[] = [];
    let exitStatus: number = exitBits.clean;
    let isFirst = true;
    for (const path of paths) {
      try {
        const { report } = await examineSpare(context, path, options);
        const check = toCheckJson(report, path);
        if (!json) print(context, [...(isFirst ? [] : ['']), ...checkText(report, path, shown)]);
        isFirst = false;
        checks.push(check);
        exitStatus |= check.exitStatus;
      } catch (error) {
        const status = await reportFailure(context, error);
        exitStatus |= status;
        const code = codeOf(error);
        //  An interrupt is meant for all of them, and after a mistake of ours nothing can be relied on.
        if (paths.length === 1 || code === undefined || isAbortCode(code)) return exitStatus;
        const { message } = error as Error;
        checks.push({ path, error: { code, message }, exitStatus: status });
      }
    }
    const [only] = checks;
    const all = { schema: 'dmremap.checks/1', exitStatus, checks };
    if (json) context.stdout.write(jsonText(paths.length === 1 ? only : all));
    return exitStatus;
  },
};

function pathsOf({ operands }: Args): readonly string[] {
  if (operands.length === 0) throw new UsageError('PATH is missing', name);
  return operands.map((path) => notEmpty(path, 'PATH', name));
}
