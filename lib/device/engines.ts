// Which engine moves the bytes of a device, and what it can promise (io-contract.md rule 10). The native part has an io_uring for each
// device, and one of each other kind for all devices of an environment.
import { argumentError, DmremapError } from '../base/errors.js';
import { errnoName } from './errno.js';
import { wallOf } from './start-failure.js';

export type EngineName = 'io_uring' | 'libaio' | 'threads';

/**
 * What an engine can promise beside the contract that all of them keep. A worker can be terminated, and its process goes on,
 * while a write is stuck on a block device or on FUSE: that is in the contract.
 */
export interface EngineGuarantees {
  /**
   * Whether a process can end while a write is stuck on a block device or on FUSE. Where not, it ends when the device
   * answers: the kernel waits for the thread that writes, or for its own AIO (io spec 1.3). With a write on a frozen file
   * system, or a flush, no engine's process ends before.
   */
  readonly leavesWhileStuck: boolean;
  /**
   * Whether a worker can also be terminated while a write is stuck on a frozen file system, or a flush anywhere. Where not,
   * the whole process stops until the device answers: Node waits for the worker's thread, and that for the kernel's.
   */
  readonly workersAlwaysLeave: boolean;
  /**
   * Whether the other devices of a process are free within 500 ms after it was killed or has exited while a read or a write
   * is stuck on one of them, on a block device or on FUSE. Where not, they are free once that device has answered; with a
   * frozen file system or a stuck flush that is so on every engine. A device that is closed, and the devices of a worker
   * that has been terminated, are free on every engine.
   */
  readonly freesOtherDevices: boolean;
}

/** In the order in which they are tried. The numbers are those of EngineKind in native/environment.h. */
const engines: Readonly<
  Record<EngineName, { readonly kind: number; readonly guarantees: EngineGuarantees }>
> = {
  io_uring: {
    kind: 0,
    guarantees: { leavesWhileStuck: true, workersAlwaysLeave: false, freesOtherDevices: true },
  },
  libaio: {
    kind: 1,
    guarantees: { leavesWhileStuck: false, workersAlwaysLeave: true, freesOtherDevices: false },
  },
  threads: {
    kind: 2,
    guarantees: { leavesWhileStuck: false, workersAlwaysLeave: true, freesOtherDevices: false },
  },
};

/** All of them, the best first. */
export const engineNames = Object.keys(engines) as readonly EngineName[];

export const engineKind = (name: EngineName): number => engines[name].kind;
export const guaranteesOf = (name: EngineName): EngineGuarantees => engines[name].guarantees;

/**
 * The engines to try, in order: what was asked for alone, else what DMREMAP_ENGINE (`variable`) names, else all.
 * @throws TypeError ERR_INVALID_ARG_VALUE.
 */
export function enginesToTry(
  asked: 'auto' | EngineName = 'auto',
  variable = process.env.DMREMAP_ENGINE,
): readonly EngineName[] {
  const named = asked === 'auto' ? (variable ?? 'auto') : asked;
  if (named === 'auto' || named === '') return engineNames;
  if (Object.hasOwn(engines, named)) return [named as EngineName];
  const source = asked === 'auto' ? 'DMREMAP_ENGINE' : 'engine';
  throw argumentError('ERR_INVALID_ARG_VALUE', `${source} must be auto, ${engineNames.join(' or ')}`);
}

/** Why an engine cannot be used here, in plain words: which wall its start ran into. */
export function engineError(name: EngineName, step: string, error: number): DmremapError {
  const errno = errnoName(error);
  const { reason } = wallOf({ step, errno });
  const message = `${name} cannot be used here: ${step}: ${errno}: ${reason}; \`dmremap doctor\` says more`;
  return new DmremapError('ERR_ENGINE_UNAVAILABLE', message, { errno });
}
