// Room: cli, pure part. From what was found out about a host and a path to what works there, why not, and what to do.
import type { ErrorCode } from '../../base/errors.js';
import {
  type EngineGuarantees,
  type EngineName,
  engineNames,
  enginesToTry,
  guaranteesOf,
} from '../../device/engines.js';
import type { OpenedPath, PathFacts } from '../../device/path-facts.js';
import { type Cause, type Failure, type HostFacts, wallOf } from '../../device/start-failure.js';
import { commandLine, escapeMessage, shellQuote } from '../print/escape.js';

/** What does not work, in clauses; commands in backticks. */
export interface Problem {
  readonly reason: string;
  readonly remedies: readonly string[];
}

interface EngineDiagnosis {
  readonly engine: EngineName;
  readonly guarantees: EngineGuarantees;
  /** Null where it works. */
  readonly problem: (Problem & Failure & { readonly cause: Cause }) | null;
}

/** Which engine an open takes where none is asked for. */
interface AutoDiagnosis {
  readonly engine: EngineName | null;
  readonly decidedBy: 'DMREMAP_ENGINE' | 'order';
  /** Not null: nothing can be opened. */
  readonly problem: Problem | null;
}

export interface HostDiagnosis {
  readonly engines: readonly EngineDiagnosis[];
  readonly auto: AutoDiagnosis;
}

export const noEngine = 'no engine can be used';

/** What stopped the start of each engine; undefined where it works. */
export type Probes = Readonly<Record<EngineName, Failure | undefined>>;

/** `variable`: DMREMAP_ENGINE. */
export function diagnoseHost(probes: Probes, host: HostFacts, variable: string | undefined): HostDiagnosis {
  const engines = engineNames.map((engine): EngineDiagnosis => {
    const failure = probes[engine];
    const problem = failure === undefined ? null : { ...failure, ...wallOf(failure, host) };
    return { engine, guarantees: guaranteesOf(engine), problem };
  });
  return { engines, auto: autoOf(engines, variable) };
}

function autoOf(engines: readonly EngineDiagnosis[], variable: string | undefined): AutoDiagnosis {
  const isNamed = (variable ?? '') !== '' && variable !== 'auto';
  const decidedBy = isNamed ? 'DMREMAP_ENGINE' : 'order';
  const cannot = (reason: string, remedies: readonly string[]): AutoDiagnosis => {
    return { engine: null, decidedBy, problem: { reason, remedies } };
  };
  const unset = 'let dmremap choose: `unset DMREMAP_ENGINE`';
  let candidates: readonly EngineName[];
  try {
    candidates = enginesToTry('auto', variable);
  } catch {
    return cannot(`DMREMAP_ENGINE names no engine: '${escapeMessage(variable ?? '')}'`, [
      unset,
      `or name one: ${engineNames.join(', ')}`,
    ]);
  }
  const working = engines.filter(({ problem }) => problem === null).map(({ engine }) => engine);
  const engine = candidates.find((one) => working.includes(one));
  if (engines.some(({ problem }) => problem?.step === 'pthread_create')) {
    return cannot('a device is opened on a thread of its own, and none can be had', []);
  }
  if (engine !== undefined) return { engine, decidedBy, problem: null };
  if (working.length === 0) return cannot(noEngine, []);
  return cannot(`DMREMAP_ENGINE names ${variable}, which cannot be used here`, [unset]);
}

/**
 * Whether a process can end while a write to this path is stuck (io spec 1.3): `yes`; `no`, it waits for the device;
 * `unless-frozen`, not on a file system that is frozen; `unknown`, where that was not measured.
 */
export type Leaves = 'yes' | 'unless-frozen' | 'no' | 'unknown';

export interface PathDiagnosis {
  readonly path: string;
  /** Whether it can be read, and written; the latter with `--buffered` where `direct` is false. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** What is in the way of that; null where both are true. */
  readonly problem: (Problem & { readonly code: ErrorCode; readonly errno: string | null }) | null;
  /** Null where it cannot be opened. */
  readonly target: {
    readonly kind: 'block' | 'file';
    readonly fileSystem: string | null;
    readonly sizeBytes: bigint;
    readonly logicalBlockSize: number;
    readonly physicalBlockSize: number;
    readonly direct: boolean;
    readonly leavesWhileStuck: Leaves;
  } | null;
  /** What else a writer should know. */
  readonly notes: readonly string[];
}

/** `engine`: the one that was taken to open it. */
export function diagnosePath(path: string, facts: PathFacts, engine: EngineName): PathDiagnosis {
  if (facts.refused !== undefined) {
    const { code, errno = null, message } = facts.refused;
    const reason = message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
    const problem = { code, errno, reason, remedies: remediesOf(code, errno, path) };
    return { path, readable: false, writable: false, problem, target: null, notes: [] };
  }
  const { info, fileSystem = null } = facts;
  const { sizeBytes, logicalBlockSize, physicalBlockSize, direct } = info;
  const leavesWhileStuck = leavesOf(facts, guaranteesOf(engine));
  const problem = obstacleOf(path, facts);
  return {
    path,
    readable: true,
    writable: problem === null,
    problem,
    target: {
      kind: info.kind === 'block' ? 'block' : 'file',
      fileSystem,
      sizeBytes,
      logicalBlockSize,
      physicalBlockSize,
      direct,
      leavesWhileStuck,
    },
    notes: notesOf(facts),
  };
}

function obstacleOf(path: string, facts: OpenedPath): PathDiagnosis['problem'] {
  const { readOnly, denied, holder, loop, mountPoint } = facts;
  const problem = (code: ErrorCode, errno: string | null, reason: string, ...remedies: string[]) => {
    return { code, errno, reason, remedies };
  };
  if (readOnly) {
    const remedy = `let it be written, as root: \`blockdev --setrw ${shellQuote(path)}\``;
    return problem('ERR_DEVICE_READ_ONLY', null, 'the device is read-only', remedy);
  }
  if (denied === 'EROFS') {
    const remedy = `as root: \`mount -o remount,rw ${shellQuote(mountPoint ?? path)}\``;
    return problem('ERR_DEVICE_READ_ONLY', denied, 'the file system is read-only', remedy);
  }
  if (denied !== undefined) {
    return problem(
      'ERR_ACCESS',
      denied,
      `writing is denied (${denied})`,
      ...remediesOf('ERR_ACCESS', denied, path),
    );
  }
  if (loop !== undefined) {
    return problem(
      'ERR_DEVICE_BUSY',
      null,
      loop.clause,
      `name ${loop.path} instead, or detach it: \`losetup --detach ${loop.path}\``,
    );
  }
  if (holder === undefined) return null;
  const remedy = `let whoever that is finish; a mount ends with \`umount ${shellQuote(path)}\``;
  return problem('ERR_DEVICE_BUSY', null, `the device is busy: ${holder}`, remedy);
}

/** File systems on which a write is in flight on the device below, as if it went there itself (io spec 1.3). */
const onDisk = ['ext4', 'xfs'];
const isFuse = (fileSystem: string | undefined): boolean => /^fuse(blk)?(\.|$)/.test(fileSystem ?? '');

function leavesOf({ info, fileSystem }: OpenedPath, { leavesWhileStuck }: EngineGuarantees): Leaves {
  //  Buffered and durable means to wait on a thread of the kernel's, where no signal reaches.
  if (!leavesWhileStuck || !info.direct) return 'no';
  if (info.kind === 'block') return 'yes';
  return onDisk.includes(fileSystem ?? '') ? 'unless-frozen' : 'unknown';
}

function notesOf({ info, fileSystem, inFlight }: OpenedPath): string[] {
  const notes: string[] = [];
  if (!info.direct) notes.push('O_DIRECT is not supported there: write commands need --buffered');
  if (isFuse(fileSystem)) {
    notes.push('on FUSE a durable write is as durable as the daemon of the file system makes it');
  }
  if (inFlight > 0) {
    const writes = inFlight === 1 ? 'a write is' : `${inFlight} writes are`;
    notes.push(
      `${writes} in flight there: it is busy until they have landed, if an earlier process left them`,
    );
  }
  return notes;
}

/** What to do about a path that cannot be opened. */
function remediesOf(code: ErrorCode, errno: string | null, path: string): readonly string[] {
  const quoted = shellQuote(path);
  switch (code) {
    case 'ERR_NOT_A_DEVICE':
    case 'ERR_DEVICE_NOT_FOUND':
      return ['name a block device, or an image of one: `lsblk` lists them'];
    case 'ERR_ACCESS':
      //  EPERM where the rights would do: the devices cgroup of a container, chattr +i.
      return errno === 'EPERM'
        ? [
            `in a container, hand the device in: \`docker run --device ${quoted}\``,
            `a file may be immutable: \`lsattr -d ${quoted}\``,
          ]
        : [`as root: \`sudo ${commandLine('doctor', path)}\``];
    case 'ERR_DEVICE_VANISHED':
      return ["ask the kernel's log: `dmesg --level=err,warn | tail`"];
    default:
      return errno === 'EMFILE' ? wallOf({ step: 'open', errno }).remedies : [];
  }
}

/** Whether everything that was asked about works: an engine is taken, and the path can be written. */
export const allIsWell = ({ auto }: HostDiagnosis, path: PathDiagnosis | null): boolean =>
  auto.problem === null && (path === null || path.writable);
