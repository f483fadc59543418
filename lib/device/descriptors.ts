// What the processes of this host have open, as far as this one may look into them (proc_pid_fd(5)). No file is asked itself, since
// the one behind a descriptor may hang: procfs has the path, the inode and the flags.
import { constants, readdirSync, readlinkSync } from 'node:fs';
import { entriesOf, hostRoots, linesOf, processName, type Roots } from './procfs.js';

/** What is looked for. Free of symbolic links. */
export interface OpenedPath {
  readonly path: string;
  /** Of a file: it may have other names too, and other places that it is mounted at. */
  readonly inode?: bigint | null | undefined;
}

export interface Openers {
  /** A clause about a process that has it open for writing. */
  readonly by: string | undefined;
  /** Whether it is known of every process. */
  readonly complete: boolean;
  /** Another process has it open for reading, or has a file of this inode open for writing, here or on another file system. */
  readonly isDoubtful: boolean;
}

/** A process that has this device node open for writing. */
export const whoWrites = (path: string): string | undefined => openersOf({ path }).by;

export function openersOf(wanted: OpenedPath, roots = hostRoots): Openers {
  const { proc } = roots;
  const processes = entriesOf(proc).filter((entry) => /^\d+$/.test(entry));
  let complete = processes.length > 0;
  let isDoubtful = false;
  for (const pid of processes) {
    const descriptors = descriptorsOf(`${proc}/${pid}`);
    if (descriptors === undefined) complete = false;
    for (const fd of descriptors ?? []) {
      const how = howOpen(`${proc}/${pid}`, fd, wanted);
      if (how === 'writes') {
        return { by: `${processName(pid, roots)} has it open for writing`, complete, isDoubtful };
      }
      if (how === 'perhaps' && pid !== String(process.pid)) isDoubtful = true;
    }
  }
  return { by: undefined, complete, isDoubtful };
}

/** Undefined where it may not be looked at. A process that is gone has none. */
function descriptorsOf(folder: string): readonly string[] | undefined {
  try {
    return readdirSync(`${folder}/fd`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? undefined : [];
  }
}

function howOpen(folder: string, fd: string, { path, inode }: OpenedPath): 'writes' | 'perhaps' | undefined {
  let target: string;
  try {
    target = readlinkSync(`${folder}/fd/${fd}`);
  } catch {
    return undefined; //  Closed meanwhile.
  }
  const isSame = target === path;
  const isFile = inode !== undefined && inode !== null;
  //  A device is known by its path; what else has one is a file.
  if (!isSame && (!isFile || !target.startsWith('/') || target.startsWith('/dev/'))) return undefined;
  const lines = linesOf(`${folder}/fdinfo/${fd}`).join('\n');
  const flags = Number.parseInt(/^flags:\s*([0-7]+)$/m.exec(lines)?.[1] ?? '0', 8);
  const isWriting = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
  //  Of a device it may be held so; of a file only its lock is.
  if (isSame) return isWriting ? 'writes' : isFile ? undefined : 'perhaps';
  return isWriting && /^ino:\s*(\d+)$/m.exec(lines)?.[1] === `${inode}` ? 'perhaps' : undefined;
}

/** Where another mount namespace than this process's has the device MAJOR:MINOR mounted: a clause (mount_namespaces(7)). */
export function mountedElsewhere(
  number: string,
  roots: Roots,
): { readonly by: string | undefined; readonly complete: boolean } {
  const { proc } = roots;
  const seen = new Set([namespaceOf(`${proc}/self`)]);
  let complete = true;
  for (const pid of entriesOf(proc).filter((entry) => /^\d+$/.test(entry))) {
    const namespace = namespaceOf(`${proc}/${pid}`);
    if (namespace === null) complete = false;
    if (namespace === null || namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    const fields = linesOf(`${proc}/${pid}/mountinfo`).map((line) => line.split(' '));
    if (fields.some((one) => one[2] === number)) {
      return { by: `it is mounted in the mount namespace of ${processName(pid, roots)}`, complete };
    }
  }
  return { by: undefined, complete };
}

/** Null where it may not be looked at, undefined where the process is gone. */
function namespaceOf(folder: string): string | null | undefined {
  try {
    return readlinkSync(`${folder}/ns/mnt`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? null : undefined;
  }
}
