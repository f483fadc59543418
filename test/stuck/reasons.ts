// Why a fixture cannot be had here, in words for the name of a test that is skipped. In CI none may be: there it throws.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { helperPath } from './helper.js';

export type Fixture =
  | 'stuckFile'
  | 'stuckLoop'
  | 'memoryLoop'
  | 'throttledLoop'
  | 'frozenFile'
  | 'fullPipe'
  | 'unresolvedPage';

/** Undefined where the fixture works. */
export function whyNo(fixture: Fixture): string | undefined {
  const reason = reasons[fixture]();
  if (reason !== undefined && process.env.CI) throw new Error(reason);
  return reason;
}

const reasons: Record<Fixture, () => string | undefined> = {
  stuckFile: () => noRoot('a FUSE mount') ?? noHelper('stuckfs') ?? noDevice('/dev/fuse'),
  stuckLoop: () => reasons.stuckFile() ?? noLoop(),
  memoryLoop: () => noRoot('a loop device') ?? noLoop(),
  throttledLoop: () => reasons.memoryLoop() ?? noThrottle(),
  frozenFile: () => noRoot('freezing a file system') ?? noLoop() ?? noHelper('stuck_freeze') ?? noMkfs(),
  fullPipe: () => noHelper('uring_write'),
  unresolvedPage: () => noHelper('uring_write') ?? noPage(),
};

const noRoot = (what: string) => (process.getuid?.() === 0 ? undefined : `${what} needs root`);

const noHelper = (program: string) =>
  existsSync(helperPath(program)) ? undefined : `${program} is not built: npm run setup:test`;

function noDevice(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return `there is no ${path}`;
  }
}

const noLoop = () => noHelper('stuck_loop') ?? noDevice('/dev/loop-control');

const noThrottle = () =>
  readFileSync('/proc/self/cgroup', 'utf8').match(/^\d+:([^:]*,)?blkio(,[^:]*)?:/m)
    ? undefined
    : 'the blkio controller of cgroup version 1 is not there';

const noMkfs = () =>
  (process.env.PATH ?? '')
    .split(':')
    .concat('/usr/sbin', '/sbin')
    .some((folder) => existsSync(`${folder}/mkfs.ext4`))
    ? undefined
    : 'there is no mkfs.ext4';

function noPage(): string | undefined {
  const path = '/proc/sys/vm/unprivileged_userfaultfd';
  if (!existsSync(path)) return 'this kernel has no userfaultfd';
  const forAll = readFileSync(path, 'utf8').trim() === '1';
  return forAll ? undefined : noRoot('userfaultfd for faults of the kernel');
}
