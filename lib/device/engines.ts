// Which engine moves the bytes of a device, and what it can promise (io contract 10). The native part has one of each kind
// for all devices of an environment.
import { argumentError, DmremapError } from '../base/errors.js';
import { errnoName } from './request.js';
import { wallOf } from './walls.js';

export type EngineName = 'io_uring' | 'libaio' | 'threads';

/** What an engine can promise beside the contract that all of them keep. */
export interface EngineGuarantees {
  /**
   * Whether a process can end, and a worker be terminated, while a write is stuck on a block device. Where a thread of ours
   * waits in the kernel, it ends when the device answers (io spec 1.3).
   */
  readonly leavesWhileStuck: boolean;
}

/** In the order in which they are tried. The numbers are those of EngineKind in native/environment.h. */
const engines: Readonly<
  Record<EngineName, { readonly kind: number; readonly guarantees: EngineGuarantees }>
> = {
  io_uring: { kind: 0, guarantees: { leavesWhileStuck: true } },
  libaio: { kind: 1, guarantees: { leavesWhileStuck: false } },
  threads: { kind: 2, guarantees: { leavesWhileStuck: false } },
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
