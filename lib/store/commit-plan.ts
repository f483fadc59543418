// Room: store, pure part. Which copy next, and how many at once (format section 6 rule 8). No I/O, so that a test can
// walk every state.
//
// The order of overwriting, by role:
//   blank, damaged     nothing can be lost there
//   other              a table that nobody elects or names
//   elected, named     all but one copy of each
//   the last ones      where the driver elects another table: what is elected, then what the caller named; where it
//                      elects this table in another copy: the named one first, because the driver may reject it (a
//                      copy from the future)
// "The newest first" looks right and is wrong: a torn write of the only new copy would leave the old ones to win.

/** What a slot is to the next commit. */
export type SlotRole =
  | 'absent' //  Does not fit.
  | 'unreadable' //  Could be the newest of all: left alone.
  | 'unsettled' //  An aborted write may still land: left out.
  | 'unread' //  Was written to, nobody knows what it holds: read back before it is used.
  | 'blank'
  | 'damaged'
  | 'other'
  | 'elected' //  A table that the driver or we elect, where it is not the named one byte for byte.
  | 'named'; //  The table that the caller opened or named: "old".

/** Roles of the slots that a commit writes. */
export const writableRoles: readonly SlotRole[] = ['blank', 'damaged', 'other', 'elected', 'named'];

export interface PlanSlot {
  readonly copy: number;
  readonly role: SlotRole;
  /** The copy that the election, or the caller, picked: of its table the last to be overwritten. */
  readonly picked: boolean;
}

export interface PlannedWrite {
  readonly copy: number;
  /**
   * Zero its first logical block, durably, before the body is written: a torn write could otherwise heal an old damaged
   * copy of a higher sequence back to life.
   */
  readonly disarm: boolean;
  /** The last good copy: only once a new one is durable. */
  readonly last: boolean;
}

/** The slots in the order in which a commit overwrites them. Slots that it leaves alone are not in it. */
export function overwriteOrder(slots: readonly PlanSlot[], electionsAgree: boolean): PlannedWrite[] {
  const rank = ({ role, picked }: PlanSlot): number => {
    switch (role) {
      case 'blank':
        return 0;
      case 'damaged':
        return 1;
      case 'other':
        return 2;
      case 'elected':
        return picked ? (electionsAgree ? 5 : 4) : 3;
      case 'named':
        return picked ? (electionsAgree ? 4 : 5) : 3;
      default:
        return -1;
    }
  };
  const ordered = slots
    .filter(({ role }) => writableRoles.includes(role))
    .sort((a, b) => rank(a) - rank(b) || a.copy - b.copy)
    .map(({ copy, role }) => ({ copy, disarm: role === 'damaged', role }));
  const good = (role: SlotRole) => role === 'named' || role === 'elected';
  return ordered.map(({ copy, disarm, role }, at) => ({
    copy,
    disarm,
    last: at === ordered.length - 1 && good(role),
  }));
}

/**
 * Cuts the writes that are left into phases, each durable before the next: one copy, then two, then two. At least two
 * copies are never in flight where three or more can be written, so that one lost write together with a power cut does
 * not leave nothing.
 * @param usable how many slots the commit can write in all.
 * @param haveDurable whether a new copy is durable already.
 */
export function phasesOf(
  writes: readonly PlannedWrite[],
  usable: number,
  haveDurable: boolean,
): readonly (readonly PlannedWrite[])[] {
  const atOnce = usable >= 4 ? 2 : 1;
  const phases: PlannedWrite[][] = [];
  let at = 0;
  while (at < writes.length) {
    const size = at === 0 && !haveDurable ? 1 : atOnce;
    phases.push(writes.slice(at, at + size));
    at += size;
  }
  return phases;
}
