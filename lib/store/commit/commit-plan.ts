// Room: store, pure part. Which copy next, and how many at once (format.md rule 8). No I/O, so that a test can
// walk every state.
//
// The order of overwriting, by role:
//   blank, damaged,    nothing can be lost there
//   faded
//   other              a table that nobody elects or names
//   elected, named,    all but one copy of each
//   twin
//   the last ones      other tables that are elected, then what the caller named, then a twin of that: the driver may
//                      reject the named copy (it is from the future, say) and take the twin
// "The newest first" looks right and is wrong: a torn write of the only new copy would leave the old ones to win. So is
// "what the driver elects last": where it elects the named table and we another one, that other one would outlive it.

/** What a slot is to the next commit. */
export type SlotRole =
  | 'absent' //  Does not fit.
  | 'unreadable' //  Could be the newest of all: left alone.
  | 'foreign' //  Somebody else has written it meanwhile: no commit is made any more.
  | 'unsettled' //  An aborted write may still land: left out.
  | 'unread' //  Was written to, nobody knows what it holds: read back before it is used.
  | 'blank'
  | 'damaged'
  | 'faded' //  Cannot be read any more; what it held is known, and is not the last of its kind.
  | 'other'
  | 'elected' //  A table that the driver or we elect, and not the named one.
  | 'twin' //  Elected, with the named table in other bytes: another sequence, or another timestamp.
  | 'named'; //  The table that the caller opened or named: "old".

/** Roles of the slots that a commit writes. */
export const writableRoles: readonly SlotRole[] = [
  'blank',
  'damaged',
  'faded',
  'other',
  'elected',
  'twin',
  'named',
];

export interface PlanSlot {
  readonly copy: number;
  readonly role: SlotRole;
  /** The copy that the election, or the caller, picked: of its table the last to be overwritten. */
  readonly picked: boolean;
  /** Of two tables that are elected and not named, the one that goes first. */
  readonly yields: boolean;
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
export function overwriteOrder(slots: readonly PlanSlot[]): PlannedWrite[] {
  const rank = ({ role, picked, yields }: PlanSlot): number => {
    switch (role) {
      case 'blank':
        return 0;
      case 'damaged':
      case 'faded':
        return 1;
      case 'other':
        return 2;
      case 'elected':
        if (!picked) return 3;
        return yields ? 4 : 5;
      case 'named':
        return picked ? 6 : 3;
      case 'twin':
        return picked ? 7 : 3;
      default:
        return -1;
    }
  };
  const ordered = slots
    .filter(({ role }) => writableRoles.includes(role))
    .sort((a, b) => rank(a) - rank(b) || a.copy - b.copy)
    .map(({ copy, role }) => ({ copy, disarm: role === 'damaged', role }));
  const good = (role: SlotRole) => role === 'named' || role === 'twin' || role === 'elected';
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

/** One of the things that are in flight together: the disarming of a slot, or the new bytes of it. */
export interface PlannedPart {
  readonly copy: number;
  readonly kind: 'disarm' | 'body';
}

/** What is issued one after the other: a phase is one group, or two where something in it is disarmed first. */
export const groupsOf = (phases: readonly (readonly PlannedWrite[])[]): readonly (readonly PlannedPart[])[] =>
  phases.flatMap((phase) => {
    const disarms = phase.filter(({ disarm }) => disarm);
    const parts = (writes: readonly PlannedWrite[], kind: PlannedPart['kind']) =>
      writes.map(({ copy }) => ({ copy, kind }));
    const bodies = parts(phase, 'body');
    return disarms.length === 0 ? [bodies] : [parts(disarms, 'disarm'), bodies];
  });
