// Room: target. The targets that live in this thread of the process. Kept where every copy of the package finds it, so that
// two versions in one program have one list; a worker has its own, as it has its own devices.
import type { RemapTarget } from './remap-target.js';

const key = Symbol.for('dmremap.targets');
const holder = globalThis as { [key]?: Set<RemapTarget> };

const targets = (): Set<RemapTarget> => {
  holder[key] ??= new Set();
  return holder[key];
};

export const register = (target: RemapTarget): void => {
  targets().add(target);
};

export const unregister = (target: RemapTarget): void => {
  targets().delete(target);
};

/** The targets of this thread that are not destroyed, in the order in which they were opened. */
export const listTargets = (): readonly RemapTarget[] => [...targets()];
