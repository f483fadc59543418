// Room: cli, pure part. A diagnosis for people: the verdict, a line for each engine, then what stands in the way and what to
// do about it. Made for 80 columns.
import {
  allIsWell,
  type HostDiagnosis,
  type Leaves,
  type PathDiagnosis,
  type Problem,
} from '../commands/doctor-diagnosis.js';
import { escapeText } from './escape.js';
import { bytesText, indented, type Tone, table, wrapped } from './text.js';

const columns = 80;

/** One clause: what works, or the first thing that does not. */
export function summaryOf({ auto, engines }: HostDiagnosis, path: PathDiagnosis | null): string {
  if (auto.problem !== null) return `dmremap does not work here: ${auto.problem.reason}`;
  const works = `dmremap works here, by ${auto.engine}`;
  if (path?.problem) {
    return `${works}, but cannot ${path.readable ? 'write' : 'open'} this path: ${path.problem.reason}`;
  }
  if (auto.decidedBy === 'DMREMAP_ENGINE') return works;
  const others = engines.filter(({ problem }) => problem !== null).map(({ engine }) => engine);
  if (others.length === 0) return works;
  return `${works}; ${others.join(' and ')} ${others.length === 1 ? 'does' : 'do'} not`;
}

/** `paint` as in text.ts. */
export function doctorText(
  host: HostDiagnosis,
  path: PathDiagnosis | null,
  paint: (tone: Tone, text: string) => string,
): string[] {
  const tone = allIsWell(host, path) ? 'good' : 'error';
  return [
    ...wrapped(escapeText(summaryOf(host, path)), columns).map((line) => paint(tone, line)),
    '',
    ...engineTable(host),
    ...problemsOf(host, paint),
    ...(path === null ? [] : ['', ...pathLines(path, paint)]),
  ];
}

const engineTable = ({ engines, auto }: HostDiagnosis): string[] =>
  table(
    [{ title: 'engine' }, { title: 'here' }, { title: 'if a write is stuck' }, { title: '' }],
    engines.map(({ engine, guarantees, problem }) => [
      engine,
      problem === null ? 'works' : 'cannot be used',
      `the process ${guarantees.leavesWhileStuck ? 'can leave' : 'waits'}`,
      engine !== auto.engine ? '' : auto.decidedBy === 'order' ? '<- taken' : '<- taken: DMREMAP_ENGINE',
    ]),
  );

function problemsOf({ engines, auto }: HostDiagnosis, paint: (tone: Tone, text: string) => string): string[] {
  const lines = engines.flatMap(({ engine, problem }) => {
    if (problem === null) return [];
    const title = `${engine}: ${problem.step}: ${problem.errno}`;
    return ['', paint('warning', title), ...problemLines(problem)];
  });
  //  Its reason is the verdict.
  const own = auto.problem?.remedies.length ? auto.problem : null;
  return own === null
    ? lines
    : [...lines, '', paint('error', 'auto: no engine is taken'), ...problemLines(own)];
}

const problemLines = ({ reason, remedies }: Problem): string[] =>
  indented([...wrapped(reason, columns - 2), ...remedies.flatMap((remedy) => item('- ', remedy))]);

/** A wrapped text with a mark before its first line. */
const item = (mark: string, text: string): string[] =>
  wrapped(text, columns - 2 - mark.length).map(
    (line, at) => (at === 0 ? mark : ' '.repeat(mark.length)) + line,
  );

const leavesText: Record<Leaves, string> = {
  yes: 'the process can leave (while a flush is stuck, it cannot)',
  'unless-frozen': 'the process can leave, unless the file system is frozen',
  no: 'the process cannot leave before the device answers',
  unknown: 'whether the process can leave depends on the file system',
};

function pathLines(path: PathDiagnosis, paint: (tone: Tone, text: string) => string): string[] {
  const { problem, target } = path;
  const state = path.writable ? 'can be used' : path.readable ? 'can be read, not written' : 'cannot be used';
  const title = `${escapeText(path.path)}: ${state}`;
  return [
    problem === null ? title : paint('error', title),
    ...(problem === null
      ? []
      : problemLines({ ...problem, reason: `${escapeText(problem.reason)} (${problem.code})` })),
    ...(target === null ? [] : indented(targetLines(target))),
    ...indented(path.notes.flatMap((note) => item('note: ', note))),
  ];
}

function targetLines(target: NonNullable<PathDiagnosis['target']>): string[] {
  const { kind, fileSystem, sizeBytes, logicalBlockSize, physicalBlockSize, direct, leavesWhileStuck } =
    target;
  const what =
    kind === 'block' ? 'block device' : `file on ${escapeText(fileSystem ?? 'an unknown file system')}`;
  return [
    `what       ${what}, ${bytesText(sizeBytes)}`,
    `alignment  multiples of ${logicalBlockSize} bytes (physical blocks: ${physicalBlockSize})`,
    `writes     ${direct ? 'past the page cache (O_DIRECT)' : 'through the page cache'}, each durable when it is done`,
    `if stuck   ${leavesText[leavesWhileStuck]}`,
  ];
}
