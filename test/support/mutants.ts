// Hunts mutants: faults put into the library on purpose. Each is a compiled tree once more, with one piece of its code
// replaced, and a script run in it: it is killed where the script finds something, and shown with that.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A piece of compiled code and what takes its place; it must be there exactly once, so that no mutant goes stale unnoticed. */
export interface Mutant {
  readonly name: string;
  /** Below lib/, compiled. */
  readonly file: string;
  readonly piece: string;
  readonly instead: string;
}

export interface Hunt {
  readonly mutants: readonly Mutant[];
  /** The compiled tree: lib/ and test/ below it. */
  readonly tree: string;
  /** Below the tree: ends with 3 and says what it has found, or with 0 where there is nothing. */
  readonly script: string;
}

/** @returns how many live. */
export async function huntMutants(hunt: Hunt, say: (text: string) => void): Promise<number> {
  let alive = 0;
  for (const mutant of hunt.mutants) {
    const killedBy = await killerOf(mutant, hunt);
    say(`${killedBy === undefined ? 'LIVES ' : 'killed'}  ${mutant.name} (${mutant.file})`);
    if (killedBy === undefined) alive++;
    else say(`        ${killedBy}`);
  }
  return alive;
}

/** What kills a mutant; undefined where it lives. */
async function killerOf(mutant: Mutant, { tree, script }: Hunt): Promise<string | undefined> {
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
    return await run(join(folder, script));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(script: string): Promise<string | undefined> {
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
      // A mutant that cannot even run is no proof that anything is seen.
      else reject(new Error(`the hunt has failed: ${errors}`));
    });
  });
}
