// Room: target. The targets that live in this thread of the process. What they are is known to those who ask for them alone.
import { shared } from '../base/shared.js';

const targets = (): Set<object> => shared().targets;

export const register = (target: object): void => {
  targets().add(target);
};

export const unregister = (target: object): void => {
  targets().delete(target);
};

/** In the order in which they were opened. */
export const registered = (): readonly object[] => [...targets()];
