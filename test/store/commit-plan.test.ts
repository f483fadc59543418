// The order of overwriting and the phases, as drawn disks (format.md rule 8).
import { describe, expect, it } from 'vitest';
import {
  overwriteOrder,
  type PlanSlot,
  phasesOf,
  type SlotRole,
} from '../../lib/store/commit/commit-plan.js';

// N = the named table, its picked copy   n = another copy of it   T = the same table in other bytes, elected
// D, d = another elected one   E = one that yields to another   o = a table of nobody
// - = blank   x = damaged   ! = unreadable   u = the same, and what it held is known   F = written by somebody else
// ? = an aborted write may still land   . = does not fit
const roles: Record<string, [SlotRole, boolean]> = {
  N: ['named', true],
  n: ['named', false],
  D: ['elected', true],
  d: ['elected', false],
  E: ['elected', true],
  T: ['twin', true],
  o: ['other', false],
  '-': ['blank', false],
  x: ['damaged', false],
  '!': ['unreadable', false],
  u: ['faded', false],
  F: ['foreign', false],
  '?': ['unsettled', false],
  '.': ['absent', false],
};

const slots = (drawn: string): PlanSlot[] =>
  drawn.split(' ').map((letter, copy) => {
    const [role, picked] = roles[letter] ?? ['absent', false];
    return { copy, role, picked, yields: letter === 'E' };
  });

const plan = (drawn: string) => overwriteOrder(slots(drawn));

describe('the order of overwriting', () => {
  it.each([
    //  drawn        order      why
    ['N n n n n', '1 2 3 4 0', 'the copy that was elected goes last'],
    ['n n N n n', '0 1 3 4 2', 'wherever it lies'],
    ['N n x - n', '3 2 1 4 0', 'nothing can be lost in blank and damaged slots'],
    ['N o o n x', '4 1 2 3 0', 'then tables that nobody elects'],
    ['N n d D o', '4 1 2 3 0', 'then surplus copies, then the last of what is elected and was not named'],
    ['N D', '1 0', 'the named table outlives the elected one'],
    ['D N', '0 1', 'wherever it lies'],
    ['N T', '0 1', 'one table: the copy that the driver accepts outlives the one from the future'],
    ['D T N', '0 2 1', 'another table goes before both'],
    ['E n N D', '1 0 3 2', 'surplus copies go before what is elected'],
    ['D E N', '1 0 2', 'of two that are elected one yields'],
    ['N ! x . .', '2 0', 'what cannot be read is left alone'],
    ['N u n x -', '4 1 3 2 0', 'but for one whose content is known: nothing is lost with it'],
    ['N F n . .', '2 0', 'what somebody else has written is left alone'],
    ['N ? n . .', '2 0', 'what may still change is left alone'],
    ['- - - - -', '0 1 2 3 4', 'an empty spare'],
  ])('of %s is %s: %s', (drawn, order) => {
    expect(
      plan(drawn)
        .map(({ copy }) => copy)
        .join(' '),
    ).toBe(order);
  });

  it('disarms damaged slots, and no others', () => {
    expect(plan('N x u o d').filter(({ disarm }) => disarm)).toEqual([
      { copy: 1, disarm: true, last: false },
    ]);
  });

  it('marks the last good copy, and only where it is good', () => {
    expect(plan('N n n').map(({ last }) => last)).toEqual([false, false, true]);
    expect(plan('- x -').map(({ last }) => last)).toEqual([false, false, false]);
  });
});

describe('the phases', () => {
  const sizes = (drawn: string, haveDurable = false) => {
    const writes = plan(drawn);
    return phasesOf(writes, writes.length, haveDurable).map((phase) => phase.length);
  };

  it.each([
    ['N n n n n', [1, 2, 2]],
    ['N n n n .', [1, 2, 1]],
    ['N n n . .', [1, 1, 1]],
    ['N n . . .', [1, 1]],
    ['N . . . .', [1]],
  ])('of %s are %j', (drawn, expected) => {
    expect(sizes(drawn)).toEqual(expected);
  });

  it('never have fewer than two copies at rest where three or more can be written', () => {
    for (const drawn of ['N n n n n', 'N n n n .', 'N n n . .']) {
      const usable = plan(drawn).length;
      for (const size of sizes(drawn)) expect(usable - size).toBeGreaterThanOrEqual(2);
    }
  });

  it('need no single one once a new copy is durable', () => {
    expect(phasesOf(plan('N n n n n'), 5, true).map((phase) => phase.length)).toEqual([2, 2, 1]);
  });
});
