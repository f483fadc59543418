// Whether somebody uses a device that is only read, and who: what is on it may be behind what they have in memory. It is never
// opened exclusively for this, since a `dmsetup create` at the same moment would fail: procfs, sysfs and dmsetup are asked.
import { readlinkSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { mountedElsewhere, openersOf } from './descriptors.js';
import type { DeviceInfo } from './device.js';
import {
  isSwap,
  loopOver,
  mayBeUnderLoop,
  numberOfLoop,
  relatedNumbers,
  underLoop,
  whoHolds,
  whoLocks,
} from './holder.js';
import { dmsetupPaths, type MappedSources, mappedUse } from './mapped-targets.js';
import { hostRoots, type Roots } from './procfs.js';
import { type InUse, unknownUse } from './use.js';

/** Of this host. */
const hostSources: MappedSources = { ...hostRoots, dmsetup: dmsetupPaths, timeoutMs: 2000 };

/** Looks for whoever uses a device. Never rejects: what cannot be learned is `unknown`. */
export async function inUse(
  info: DeviceInfo,
  signal?: AbortSignal,
  sources: MappedSources = hostSources,
): Promise<InUse> {
  const { kind, identity, path } = info;
  if (kind === 'memory' || identity === null) return unknownUse;
  try {
    const real = realpathSync(path);
    if (kind === 'block') return await useOfBlock(identity.deviceNumber, real, sources, signal);
    return await useOfFile(info, real, sources, signal);
  } catch {
    return unknownUse; //  The path leads nowhere by now.
  }
}

const held = (by: string): InUse => ({ state: 'held', by });

async function useOfBlock(
  number: string,
  real: string,
  sources: MappedSources,
  signal?: AbortSignal,
): Promise<InUse> {
  const [major = 0, minor = 0] = number.split(':').map(Number);
  const holder = whoHolds(major, minor, sources);
  if (holder !== undefined) return held(holder);
  const mapped = await mappedUse(relatedNumbers(number, sources), sources, signal);
  if (mapped.state === 'used') return held(mapped.by);
  const openers = openersOf({ path: real }, sources);
  const mounted = mountedElsewhere(number, sources);
  const by = openers.by ?? mounted.by;
  if (by !== undefined) return held(by);
  //  Who has it open for reading may have it exclusively (open(2), O_EXCL), which procfs does not show.
  const isKnown = openers.complete && !openers.isDoubtful && mounted.complete && seesEveryProcess(sources);
  return mapped.state === 'none' && isKnown ? { state: 'free', by: null } : unknownUse;
}

async function useOfFile(
  { identity, sizeBytes }: DeviceInfo,
  real: string,
  sources: MappedSources,
  signal?: AbortSignal,
): Promise<InUse> {
  if (isSwap(real, sources)) return held('it is used as swap');
  const loop = loopOver(real, sources);
  if (loop !== undefined) {
    const clause = underLoop('file', loop, sources);
    const mapped = await mappedUse(relatedNumbers(numberOfLoop(loop, sources), sources), sources, signal);
    return held(mapped.state === 'used' ? `${clause}, and ${mapped.by}` : clause);
  }
  const { deviceNumber: number = '', inode = null } = identity ?? {};
  if (inode === null) return unknownUse;
  const [major = 0, minor = 0] = number.split(':').map(Number);
  //  The kernel gathers the locks of all processors for it, which takes milliseconds: not in this thread.
  const locks = await readFile(`${sources.proc}/locks`, { encoding: 'utf8', signal });
  const lines = locks.split('\n');
  const by = whoLocks(major, minor, inode, lines, sources);
  if (by !== undefined) return held(by);
  //  btrfs and overlayfs have numbers of their own for files: there it may be the same file.
  if (lines.some((line) => line.includes(`:${inode} `))) return unknownUse;
  const openers = openersOf({ path: real, inode }, sources);
  if (openers.by !== undefined) return held(openers.by);
  //  Whoever only reads a file holds nothing of it; but what has its inode under another name may be the same file.
  const isKnown = openers.complete && !openers.isDoubtful && seesEveryProcess(sources);
  return isKnown && !mayBeUnderLoop(sizeBytes, sources) ? { state: 'free', by: null } : unknownUse;
}

/** In another PID namespace the processes and locks of the host are not shown (pid_namespaces(7); its first has this number). */
function seesEveryProcess({ proc }: Roots): boolean {
  try {
    return readlinkSync(`${proc}/self/ns/pid`) === 'pid:[4026531836]';
  } catch {
    return false;
  }
}
