// Hunts the mutants: each is the compiled explorer once more, with one fault in the library. It is killed where the hunt
// finds a state that must not be, and shown with the first one.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flipsBySyndrome } from './bit-flips.js';
import { exploreCopies } from './copies.js';
import type { Violation } from './judge-steps.js';
import { type Mutant, mutants } from './mutants.js';
import { exploreRecorded } from './recorded.js';
import { sectorScenarios } from './scenarios.js';
import { exploreScenarios } from './sectors.js';

/** The compiled tree: lib/ and test/ below it. */
const tree = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Looks for a first violation, the likeliest places first. */
export async function firstViolation(): Promise<Violation | undefined> {
  const words = ['7', '6', 'x', '7f', '8+'];
  const recorded = await exploreRecorded({ words: [...words, '-', '7y', '4294967300'], starts: 40, seed: 5 });
  if (recorded.violations[0] !== undefined) return recorded.violations[0];
  const sectors = await exploreScenarios(sectorScenarios(), { randomSubsets: 100, decodes: 0, seed: 9 });
  if (sectors.violations[0] !== undefined) return sectors.violations[0];
  for (const fits of [[2, 3], [4], [5]]) {
    const [violation] = exploreCopies({ words, fits, ownIndex: false, repairs: 1, named: 'all' }).violations;
    if (violation !== undefined) return violation;
  }
  const { missed, equal } = flipsBySyndrome(100);
  return missed + equal === 0
    ? undefined
    : { operation: 'decode', start: '', state: '', what: 'flips are not found' };
}

/** @returns how many live. */
export async function huntMutants(say: (text: string) => void): Promise<number> {
  const sound = await firstViolation();
  if (sound !== undefined) throw new Error(`the hunt finds something without a mutant: ${sound.what}`);
  let alive = 0;
  for (const mutant of mutants) {
    const killedBy = await hunt(mutant);
    say(`${killedBy === undefined ? 'LIVES ' : 'killed'}  ${mutant.name} (${mutant.file})`);
    if (killedBy === undefined) alive++;
    else say(`        ${killedBy}`);
  }
  return alive;
}

/** What kills a mutant; undefined where it lives. */
export async function hunt(mutant: Mutant): Promise<string | undefined> {
  const folder = mkdtempSync(join(tree, 'mutant-'));
  try {
    for (const part of ['lib', 'test', 'package.json'])
      cpSync(join(tree, part), join(folder, part), { recursive: true });
    const file = join(folder, 'lib', mutant.file);
    const code = readFileSync(file, 'utf8');
    if (code.split(mutant.piece).length !== 2)
      throw new Error(`the piece of the mutant "${mutant.name}" is not there exactly once: ${mutant.file}`);
    writeFileSync(
      file,
      code.replace(mutant.piece, () => mutant.instead),
    );
    return await runHunted(join(folder, 'test/crash/hunted.js'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runHunted(script: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    let errors = '';
    child.stdout.on('data', (text) => {
      told += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(undefined);
      else if (status === 3) resolve(told.trim());
      // A mutant that cannot even run is no proof that the explorer sees anything.
      else reject(new Error(`the hunt has failed: ${errors}`));
    });
  });
}
