// `npm run crash`: visits the crash states and says how many there were, of which kinds, how long it took, and a verdict.
import { parseArgs } from 'node:util';
import { drawnContent } from './alphabet.js';
import { flipsByDecoding, flipsBySyndrome } from './bit-flips.js';
import { exploreCopies } from './copies.js';
import { huntMutants } from './hunt.js';
import type { Violation } from './judge-steps.js';
import { type Plan, plans } from './plans.js';
import { exploreRecorded } from './recorded.js';
import { exploreScenarios } from './sectors.js';

const usage = `npm run crash [-- --full | --mutants]

  (nothing)   every state of five copies, the recorded operations, the sectors of their writes, the bit flips
  --full      more of what is a sample otherwise
  --mutants   puts faults into the library, and shows which of them are found`;

const say = (text: string) => process.stdout.write(`${text}\n`);
const seconds = (since: number) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
const grouped = (value: number | bigint) => value.toLocaleString('en-US');

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function explore(plan: Plan): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  let since = Date.now();
  const done = (found: readonly Violation[]) => {
    progress('');
    say(
      `  ${found.length === 0 ? 'no state that must not be' : `${found.length} states that must not be`}, ${seconds(since)}\n`,
    );
    violations.push(...found);
    since = Date.now();
  };

  say(
    'whole copies: old, new or torn, and again in the repair that follows, and again in the repair of that',
  );
  for (const part of plan.copies) {
    const onProgress = (round: string, states: number) => progress(`${round}, ${states} states`);
    const copies = exploreCopies({ ...part, onProgress });
    const numbers = part.ownIndex ? 'each with its own number' : 'all with one number';
    say(
      `  ${grouped(copies.starts)} starts: slots of ${part.words.join(' ')}; ${part.fits.join(', ')} copies fit, ${numbers}`,
    );
    for (const [operation, runs] of copies.runs) say(`  ${grouped(runs)} times ${operation}`);
    for (const [code, times] of copies.refused)
      say(`  ${grouped(times)} times refused with ${code}, nothing written`);
    for (const [kind, states] of [...copies.judged].sort())
      say(`  ${grouped(states)} crash states of ${kind}`);
    say(`  ${grouped(copies.distinct)} states that differ`);
    done(copies.violations);
  }

  say('recorded operations, against what the parts that decide say');
  const recorded = await exploreRecorded(plan.recorded);
  say(
    `  ${grouped(recorded.operations)} operations, ${grouped(recorded.states)} crash states, seed ${plan.recorded.seed}`,
  );
  done(recorded.violations);

  say('sectors: of each write every subset, torn at 512 bytes');
  const sectors = await exploreScenarios(plan.scenarios, plan.sectors);
  say(`  ${grouped(sectors.operations)} operations with blocks of 512 and of 4,096 bytes`);
  say(`  ${grouped(sectors.writesInFull)} writes with all of their ${grouped(sectors.subsets)} subsets`);
  say(
    `  ${grouped(sectors.writesSampled)} wider writes: prefixes, suffixes, single and double holes, random ones: ${grouped(sectors.sampled)} subsets, seed ${plan.sectors.seed}`,
  );
  say(
    `  ${grouped(sectors.strangers)} torn images pass for a copy and are neither old nor new (the disk that follows is judged)`,
  );
  say(`  ${grouped(sectors.decoded)} torn images decoded, to hold the algebra against`);
  done(sectors.violations);

  say('bit flips');
  const { singles, missed, equal } = flipsBySyndrome(plan.flipSamples);
  say(`  ${grouped(singles)} single flips: ${missed} have syndrome 0`);
  say(
    `  ${grouped((BigInt(singles) * BigInt(singles - 1)) / 2n)} double flips: ${equal} pairs of equal syndromes`,
  );
  const decoding = flipsByDecoding(drawnContent('7').bytes, plan.flipStride);
  say(`  ${grouped(decoding.flips)} of them decoded: ${decoding.missed} missed`);
  const flips = missed + equal + decoding.missed;
  done(
    flips === 0 ? [] : [{ operation: 'decode', start: '7', state: '', what: `${flips} flips are not found` }],
  );
  return violations;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      full: { type: 'boolean', default: false },
      mutants: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(usage);
    return 0;
  }
  const since = Date.now();
  if (values.mutants) {
    const alive = await huntMutants(say);
    say(
      alive === 0
        ? `crash: every mutant is killed, ${seconds(since)}`
        : `crash: ${alive} MUTANTS LIVE, ${seconds(since)}`,
    );
    return alive === 0 ? 0 : 1;
  }
  const violations = await explore(values.full ? plans.full() : plans.usual());
  for (const { operation, start, state, what } of violations.slice(0, 20))
    say(`  ${operation} on ${start}: ${state}: ${what}`);
  const verdict =
    violations.length === 0 ? 'every state is as promised' : `${violations.length} STATES BREAK A PROMISE`;
  say(`crash: ${verdict}, ${seconds(since)}`);
  return violations.length === 0 ? 0 : 1;
}

process.exitCode = await main();
