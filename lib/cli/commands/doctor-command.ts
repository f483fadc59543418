// Room: cli. `dmremap doctor`: which engines work here, and how a path is reached. Opens it for reading, and claims nothing.
import { type EngineName, engineNames } from '../../device/engines.js';
import { hostFacts, probeEngine } from '../../device/host.js';
import { pathFacts } from '../../device/path-facts.js';
import { type Command, jsonOption, print } from '../command.js';
import type { Context } from '../context.js';
import { notEmpty, UsageError } from '../options/args.js';
import { doctorText, summaryOf } from '../print/doctor-text.js';
import { jsonText } from '../print/escape.js';
import { exitBits, statusOfCode } from '../print/exit-status.js';
import { painter } from '../print/text.js';
import {
  diagnoseHost,
  diagnosePath,
  type HostDiagnosis,
  noEngine,
  type PathDiagnosis,
  type Probes,
} from './doctor-diagnosis.js';

const name = 'doctor';

/** The document dmremap.doctor/1 (docs/doctor.schema.json). */
function toDoctorJson(kernel: string | undefined, host: HostDiagnosis, path: PathDiagnosis | null) {
  return {
    schema: 'dmremap.doctor/1',
    exitStatus: statusOfDiagnosis(host, path),
    summary: summaryOf(host, path),
    kernel: kernel ?? null,
    engines: host.engines.map(({ problem, ...engine }) => ({
      ...engine,
      works: problem === null,
      problem: problem && { ...problem, errno: problem.errno ?? null },
    })),
    auto: host.auto,
    path: path && {
      ...path,
      target: path.target && { ...path.target, sizeBytes: `${path.target.sizeBytes}` },
    },
  };
}

const statusOfDiagnosis = ({ auto }: HostDiagnosis, path: PathDiagnosis | null): number =>
  (auto.problem === null ? exitBits.clean : exitBits.failed) |
  (path?.problem ? statusOfCode(path.problem.code) : exitBits.clean);

/** By the engine that works where none is taken: the path is another question. */
async function pathDiagnosis({ signal }: Context, path: string, { auto, engines }: HostDiagnosis) {
  const engine = auto.engine ?? engines.find(({ problem }) => problem === null)?.engine;
  if (engine !== undefined) return diagnosePath(path, await pathFacts(path, { engine, signal }), engine);
  const refused = { code: 'ERR_ENGINE_UNAVAILABLE', errno: undefined, message: noEngine } as const;
  return diagnosePath(path, { refused }, engineNames[0] as EngineName);
}

export const doctorCommand: Command = {
  name,
  operands: '[PATH]',
  summary: 'say which engines work here, and how PATH is reached',
  about: [
    'Starts each engine for a moment, and where one fails, names the wall that it ran into and what to do about',
    'it: the kernel, kernel.io_uring_disabled, seccomp, limits. Of PATH it tells whether it can be read and',
    'written, the alignment, and whether a process can leave while a write is stuck there. Opens PATH for',
    'reading only, and does not claim it: who else holds it is asked of /proc and /sys, which do not show',
    'everything. Exits with 0 where an engine is taken and PATH can be written, be it with --buffered; with 8',
    'where not; with 16 where PATH does not exist or is no device, or the command line is wrong.',
  ],
  examples: [
    { command: 'dmremap doctor', says: 'Which engine is taken on this host, and why not another one:' },
    { command: 'dmremap doctor /dev/sdb', says: 'And can the spare be written, or who holds it?' },
    { command: 'dmremap doctor --json spare.img', says: 'The same for a bug report:' },
  ],
  options: jsonOption,
  async run(context, args) {
    const [operand, surplus] = args.operands;
    if (surplus !== undefined) throw new UsageError(`'${surplus}' is one operand too many`, name);
    const operandPath = operand === undefined ? undefined : notEmpty(operand, 'PATH', name);

    const facts = hostFacts();
    const probes = Object.fromEntries(engineNames.map((engine) => [engine, probeEngine(engine)])) as Probes;
    const host = diagnoseHost(probes, facts, context.env.DMREMAP_ENGINE);
    const path = operandPath === undefined ? null : await pathDiagnosis(context, operandPath, host);

    if (args.flags.has('json')) context.stdout.write(jsonText(toDoctorJson(facts.kernel, host, path)));
    else print(context, doctorText(host, path, painter(context)));
    return statusOfDiagnosis(host, path);
  },
};
