// `npm run model`: runs random histories of a target against the model, and says how many, how long it took, and a verdict.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { huntMutants } from '../../support/mutants.js';
import { runHistories } from './history.js';
import { mutants } from './mutants.js';

const usage = `npm run model [-- --histories N] [--seed N] | [-- --mutants [--only TEXT]]

  --histories N   how many (default 2,000)
  --seed N        of the first one (default: another one each time)
  --mutants       puts faults into the library, and shows which of them are found
  --only TEXT     only those with this text in their names`;

/** The compiled tree: lib/ and test/ below it. */
const tree = join(dirname(fileURLToPath(import.meta.url)), '../../..');

const say = (text: string) => process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      histories: { type: 'string', default: '2000' },
      seed: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(usage);
    return 0;
  }
  const since = Date.now();
  const seconds = () => `${((Date.now() - since) / 1000).toFixed(1)} s`;
  if (values.mutants) {
    const chosen = mutants.filter(({ name }) => name.includes(values.only));
    if (chosen.length === 0) throw new Error(`no mutant has this text in its name: ${values.only}`);
    const alive = await huntMutants({ mutants: chosen, tree, script: 'test/target/model/hunted.js' }, say);
    const verdict = alive === 0 ? `all of ${chosen.length} mutants are killed` : `${alive} MUTANTS LIVE`;
    say(`model: ${verdict}, ${seconds()}`);
    return alive === 0 ? 0 : 1;
  }
  const count = Number(values.histories);
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  const found = await runHistories(count, { seed });
  say(found ?? `model: ${count} histories are as promised, ${seconds()}`);
  return found === undefined ? 0 : 1;
}

process.exitCode = await main();
