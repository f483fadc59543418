// The real operations, from opening to the last flush, recorded on a device: they do what the parts that decide say, write
// for write, and every crash state of the recording is judged. So what holds for the prediction holds for them.
import { random } from '../support/random.js';
import { drawnContent, type State } from './alphabet.js';
import { type Step, stepsOf } from './crash-states.js';
import { describe, judgeSteps, type Violation } from './judge-steps.js';
import { type Operation, run } from './operations.js';
import { predict } from './predict.js';

/** Records one operation. @returns how many crash states were judged. */
export async function checkRecorded(
  operation: Operation,
  start: State,
  violations: Violation[],
): Promise<number> {
  const complain = (what: string) => {
    violations.push(describe(operation, start, start, what));
    return 0;
  };
  const predicted = predict(operation, start);
  const { log, error } = await run(operation, start);
  const steps = stepsOf(start, log);
  if (error !== undefined) {
    if (steps.some(({ kind }) => kind === 'writes'))
      return complain(`${error.code} after something was written`);
    if (error.code === predicted.refused) return 0;
    return complain(`${error.code}, and ${predicted.refused ?? 'success'} was predicted`);
  }
  if (predicted.refused !== undefined) return complain(`success, and ${predicted.refused} was predicted`);
  const { states } = judgeSteps(operation, start, steps, violations);
  if (told(steps) !== told(predicted.steps))
    return complain(`the device was given ${told(steps)}, and ${told(predicted.steps)} was predicted`);
  return states.length;
}

/** The steps as text: equal texts are equal bytes. Flushes that follow each other are one. */
const told = (steps: readonly Step[]): string =>
  steps
    .map((step) =>
      step.kind === 'flush'
        ? 'flush'
        : `${step.durable ? '' : 'not durable: '}${step.writes.map(({ slot, to }) => `${slot}=${to.name}/${to.id}`).join(' ')}`,
    )
    .filter((text, at, all) => text !== 'flush' || all[at - 1] !== 'flush')
    .join(', ');

export interface RecordedOptions {
  readonly words: readonly string[];
  /** Starts that are drawn. */
  readonly starts: number;
  readonly seed: number;
}

export interface RecordedTally {
  operations: number;
  states: number;
  readonly violations: Violation[];
}

/** Every operation on drawn starts, one to five copies, unnamed and with a copy named. */
export async function exploreRecorded({ words, starts, seed }: RecordedOptions): Promise<RecordedTally> {
  const { int } = random(seed);
  const tally: RecordedTally = { operations: 0, states: 0, violations: [] };
  for (let round = 0; round < starts && tally.violations.length < 20; round++) {
    const start = Array.from({ length: 1 + int(5) }, () => drawnContent(words[int(words.length)] as string));
    const copy = int(start.length);
    const named: Operation[] = [
      { name: 'commit', copy },
      { name: 'repair', copy },
      { name: 'handover', copy },
    ];
    const isValid = start[copy]?.slot.state === 'valid';
    const unnamed: Operation[] = [
      { name: 'commit' },
      { name: 'repair' },
      { name: 'handover' },
      { name: 'create' },
    ];
    for (const operation of isValid ? [...unnamed, ...named] : unnamed) {
      tally.states += await checkRecorded(operation, start, tally.violations);
      tally.operations++;
    }
  }
  return tally;
}
