// The whole-copy form: every state of five copies, every operation on it, every crash state of that, and again in the
// repair that follows, and again in the repair of that. States are known by what they hold, so each is visited once.

import { sameButIndex } from '../../lib/store/table/table.js';
import { type Content, drawnAt, drawnContent, keyOf, type State } from './alphabet.js';
import { find, promisedBy, tableOf, violationAtEnd } from './judge.js';
import { describe, judgeSteps, type Violation, writes } from './judge-steps.js';
import type { Operation, OperationName } from './operations.js';
import { after, predict } from './predict.js';

export interface CopiesOptions {
  /** What a slot can hold, as words of draw.ts. */
  readonly words: readonly string[];
  /** How many copies fit. */
  readonly fits: readonly number[];
  /** Whether copies carry their own numbers, as our writer has it, or all the same one, as the module has it. */
  readonly ownIndex: boolean;
  /** How many repairs are crashed in, one after the other. */
  readonly repairs: number;
  /** Whom a repair after a crash names where it has to: every copy that differs, or what an election finds. */
  readonly named: 'all' | 'elected';
  /** Called now and then with how many states are done in this round, and which round it is. */
  readonly onProgress?: ((round: string, done: number) => void) | undefined;
}

export interface Tally {
  starts: number;
  /** Operations that were run, by name; those that refused, by code. */
  readonly runs: Map<OperationName, number>;
  readonly refused: Map<string, number>;
  /** Crash states judged, by operation and by how many crashes lie behind them. */
  readonly judged: Map<string, number>;
  /** States that are not the same. */
  distinct: number;
  readonly violations: Violation[];
}

const newTally = (): Tally => ({
  starts: 0,
  runs: new Map(),
  refused: new Map(),
  judged: new Map(),
  distinct: 0,
  violations: [],
});

const count = <Key>(counts: Map<Key, number>, key: Key, by = 1) =>
  counts.set(key, (counts.get(key) ?? 0) + by);

/** Stops at this many violations: the first ones say what is wrong. */
const enough = 20;

export function exploreCopies(options: CopiesOptions): Tally {
  const tally = newTally();
  const seen = new Set<string>();
  let reached = new Map<string, State>();
  const operations: readonly OperationName[] = ['commit', 'repair', 'handover', 'create'];

  for (const start of starts(options)) {
    tally.starts++;
    if (tally.starts % 500 === 0) options.onProgress?.('first crash', tally.starts);
    for (const name of operations) explore(start, name, 1, 'all', tally, reached);
    if (tally.violations.length >= enough) return tally;
  }
  for (let repairs = 1; repairs <= options.repairs; repairs++) {
    const next = new Map<string, State>();
    for (const [key, state] of reached) {
      if (seen.has(key)) continue;
      seen.add(key);
      explore(state, 'repair', repairs + 1, options.named, tally, next);
      if (seen.size % 5000 === 0) options.onProgress?.(`crash ${repairs + 1}`, seen.size);
      if (tally.violations.length >= enough) return tally;
    }
    reached = next;
  }
  for (const key of reached.keys()) seen.add(key);
  tally.distinct = seen.size;
  return tally;
}

/** A named handover that was interrupted is gone on with by the same command. */
function resume(operation: Operation, start: State, state: State, tally: Tally): void {
  const again = predict(operation, state);
  if (again.refused !== undefined) {
    tally.violations.push(
      describe(operation, start, state, `the same command again is refused: ${again.refused}`),
    );
    return;
  }
  if (!writes(again.steps)) return;
  const end = after(state, again.steps);
  const wrong = violationAtEnd(promisedBy(operation, start, end), end);
  if (wrong !== undefined)
    tally.violations.push(describe(operation, start, state, `the same command again: ${wrong}`));
}

/** Every state of the alphabet. */
function* starts({ words, fits, ownIndex }: CopiesOptions): Generator<State> {
  for (const fit of fits) {
    for (let index = 0; index < words.length ** fit; index++) {
      let rest = index;
      yield Array.from({ length: fit }, (_, copy) => {
        const word = words[rest % words.length] as string;
        rest = Math.floor(rest / words.length);
        return ownIndex ? drawnAt(word, copy) : drawnContent(word);
      });
    }
  }
}

/** One operation on one state: unnamed, and with each copy named that differs from the others. */
function explore(
  start: State,
  name: OperationName,
  crashes: number,
  whom: CopiesOptions['named'],
  tally: Tally,
  reached: Map<string, State>,
): void {
  const unnamed = exploreOne(start, { name }, crashes, tally, reached);
  const isRefused = unnamed === 'ERR_METADATA_AMBIGUOUS';
  const nameable = name === 'commit' || ((name === 'repair' || name === 'handover') && isRefused);
  if (!nameable) return;
  const { driver, ours } = find(start);
  const named: Content[] = [];
  for (const [copy, content] of start.entries()) {
    if (content.slot.state !== 'valid') continue;
    const table = tableOf(content);
    if (whom === 'elected' && table !== driver && table !== ours) continue;
    // Two that differ in their number alone are one choice.
    if (named.some((other) => sameButIndex(other.bytes, content.bytes))) continue;
    named.push(content);
    exploreOne(start, { name, copy }, crashes, tally, reached);
  }
}

function exploreOne(
  start: State,
  operation: Operation,
  crashes: number,
  tally: Tally,
  reached: Map<string, State>,
): string | undefined {
  const prediction = predict(operation, start);
  count(tally.runs, operation.name);
  if (prediction.refused !== undefined) {
    count(tally.refused, prediction.refused);
    return prediction.refused;
  }
  const { steps } = prediction;
  const judged = judgeSteps(operation, start, steps, tally.violations);
  count(tally.judged, `${operation.name}, crash ${crashes}`, judged.states.length);
  for (const state of judged.states) reached.set(keyOf(state), state);
  if (operation.name === 'handover' && operation.copy !== undefined) {
    const states = new Map(judged.states.map((state) => [keyOf(state), state]));
    for (const state of states.values()) resume(operation, start, state, tally);
  }
  if (operation.name === 'repair' && writes(steps)) {
    const again = predict({ name: 'repair' }, judged.end);
    if (again.refused !== undefined || writes(again.steps)) {
      const what = 'a repair of what was repaired writes again';
      tally.violations.push(describe(operation, start, judged.end, what));
    }
  }
  return undefined;
}
