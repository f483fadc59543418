// What this host lets us do: each engine is started for a moment, and what the kernel says of this process is read, to
// explain where that fails. The judgement is walls.ts.
import { release } from 'node:os';
import { type EngineName, engineKind } from './engines.js';
import { errnoName } from './errno.js';
import { native } from './native.js';
import { entriesOf, linesOf, numberIn } from './procfs.js';
import type { Failure, HostFacts } from './start-failure.js';

/**
 * Starts an engine as the first open would, and lets it go again: nothing of it is kept. Undefined where it works.
 * @throws DmremapError ERR_ADDON_MISSING.
 */
export function probeEngine(name: EngineName): Failure | undefined {
  const failure = native().addon.probe(engineKind(name));
  return failure && { step: failure.step, errno: errnoName(failure.error) };
}

//  capabilities(7)
const capabilities = { ipcLock: 14n, sysAdmin: 21n, sysResource: 24n } as const;

/** Reads procfs. Never fails: what cannot be read is undefined. */
export function hostFacts(): HostFacts {
  const status = fieldsOf('/proc/self/status');
  const seccomp = status.get('Seccomp');
  const effective = /^[0-9a-f]+$/.test(status.get('CapEff') ?? '') ? BigInt(`0x${status.get('CapEff')}`) : 0n;
  const inFirstNamespace = /^\s*0\s+0\s+4294967295\s*$/.test(linesOf('/proc/self/uid_map')[0] ?? '');
  const can = (capability: bigint) => inFirstNamespace && ((effective >> capability) & 1n) === 1n;
  const unbound = can(capabilities.sysResource) || can(capabilities.sysAdmin);
  const limits = linesOf('/proc/self/limits');
  return {
    kernel: release(),
    seccompFilter: seccomp === undefined ? undefined : seccomp === '2',
    ioUringDisabled: numberIn('/proc/sys/kernel/io_uring_disabled'),
    ioUringGroup: numberIn('/proc/sys/kernel/io_uring_group'),
    groups: [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])],
    sysAdmin: can(capabilities.sysAdmin),
    memlockBytes: can(capabilities.ipcLock) ? Infinity : limitOf(limits, 'Max locked memory'),
    processes: unbound ? Infinity : limitOf(limits, 'Max processes'),
    openFiles: limitOf(limits, 'Max open files'),
    pids: fullestPids(),
    aio: aioUse(),
  };
}

/** `Name:\tvalue`, line by line. */
const fieldsOf = (path: string): ReadonlyMap<string, string> =>
  new Map(
    linesOf(path).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );

/** The soft limit; Infinity for `unlimited`. */
function limitOf(limits: readonly string[], name: string): number | undefined {
  const line = limits.find((one) => one.startsWith(name));
  const soft = line?.slice(name.length).trim().split(/\s+/)[0];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

function aioUse(): HostFacts['aio'] {
  const taken = numberIn('/proc/sys/fs/aio-nr');
  const max = numberIn('/proc/sys/fs/aio-max-nr');
  return taken === undefined || max === undefined ? undefined : { taken, max };
}

/** A limit binds from any cgroup above too. In a container the path may be the host's: its end is what is mounted here. */
function fullestPids(): HostFacts['pids'] {
  let fullest: HostFacts['pids'];
  for (const line of linesOf('/proc/self/cgroup')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (path === undefined || (controllers !== '' && !controllers?.split(',').includes('pids'))) continue;
    const root = controllers === '' ? unifiedRoot() : '/sys/fs/cgroup/pids';
    const words = path.split('/').filter((word) => word !== '');
    for (let length = words.length; length >= 0; length--) {
      const folder = [root, ...words.slice(0, length)].join('/');
      const current = numberIn(`${folder}/pids.current`);
      const max = numberIn(`${folder}/pids.max`); //  Not a number: `max`.
      if (current === undefined || max === undefined) continue;
      if (fullest === undefined || max - current < fullest.max - fullest.current) fullest = { current, max };
    }
  }
  return fullest;
}

const unifiedRoot = (): string =>
  entriesOf('/sys/fs/cgroup/unified').length > 0 ? '/sys/fs/cgroup/unified' : '/sys/fs/cgroup';
