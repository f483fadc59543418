// Judges every crash state of one operation, and its end.
import { type State, textOf } from './alphabet.js';
import { crashStates, type Step } from './crash-states.js';
import { find, isOfSeveralMains, promisedBy, tableOf, violation, violationAtEnd } from './judge.js';
import type { Operation } from './operations.js';

/** A state that must not be, and how it was reached. */
export interface Violation {
  readonly operation: string;
  readonly start: string;
  readonly state: string;
  readonly what: string;
}

export const describe = ({ name, copy }: Operation, start: State, state: State, what: string): Violation => ({
  operation: copy === undefined ? name : `${name} of copy ${copy}`,
  start: textOf(start),
  state: textOf(state),
  what,
});

export const writes = (steps: readonly Step[]): boolean => steps.some(({ kind }) => kind === 'writes');

/** The crash states, and where the operation ends; what is wrong goes to `violations`. */
export function judgeSteps(
  operation: Operation,
  start: State,
  steps: readonly Step[],
  violations: Violation[],
): { readonly states: readonly State[]; readonly end: State } {
  const all = [];
  const walk = crashStates(start, steps);
  let step = walk.next();
  for (; !step.done; step = walk.next()) all.push(step.value);
  const end = step.value;
  const promised = promisedBy(operation, start, end);
  for (const crash of all) {
    const wrong = violation(promised, crash) ?? worse(operation, start, crash.state);
    if (wrong !== undefined)
      violations.push(describe(operation, start, crash.state, `${wrong} (group ${crash.group})`));
  }
  if (operation.copy === undefined && operation.name !== 'create' && isOfSeveralMains(start) && writes(steps))
    violations.push(
      describe(operation, start, end, 'it writes over another main device, and no copy was named'),
    );
  const wrong = writes(steps) ? violationAtEnd(promised, end) : undefined;
  if (wrong !== undefined) violations.push(describe(operation, start, end, wrong));
  return { states: all.map(({ state }) => state), end };
}

/** A repair has two copies in flight at most: in no state do fewer of the others hold the table than before. */
function worse(operation: Operation, start: State, state: State): string | undefined {
  if (operation.name !== 'repair' || operation.copy !== undefined) return undefined;
  const { driver, ours } = find(start);
  const holders = (of: State) => of.filter((content) => tableOf(content) === ours).length;
  return driver === ours && ours !== null && holders(state) < holders(start) - 2
    ? 'fewer copies hold the table than before the repair'
    : undefined;
}
