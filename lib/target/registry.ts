// Room: target. The targets that live in this thread of the process.
import { shared } from '../base/shared.js';
import type { RemapTarget } from './remap-target.js';

const targets = (): Set<RemapTarget> => shared().targets as Set<RemapTarget>;

export const register = (target: RemapTarget): void => {
  targets().add(target);
};

export const unregister = (target: RemapTarget): void => {
  targets().delete(target);
};

/** The targets of this thread that are not destroyed, in the order in which they were opened. */
export const listTargets = (): readonly RemapTarget[] => [...targets()];
