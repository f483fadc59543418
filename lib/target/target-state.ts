// Room: target, pure part. The states of a target and the edges between them: one method of LifeCycle for each
// (docs/lifecycle.md). A target in any other state than `active` accepts no I/O and starts no work.
import type { ErrorCode } from '../base/errors.js';

export type TargetState = 'active' | 'suspending' | 'suspended' | 'destroyed';

/** From each state, where it can go. */
export const edges: Readonly<Record<TargetState, readonly TargetState[]>> = {
  active: ['suspending'],
  suspending: ['suspended'],
  suspended: ['active', 'destroyed'],
  destroyed: [],
};

/** What a call that needs an active target is refused with. */
export const refusals: Readonly<Record<Exclude<TargetState, 'active'>, ErrorCode>> = {
  suspending: 'ERR_TARGET_SUSPENDED',
  suspended: 'ERR_TARGET_SUSPENDED',
  destroyed: 'ERR_TARGET_DESTROYED',
};
