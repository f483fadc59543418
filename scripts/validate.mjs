// Whether a target leaves nothing behind, whatever its devices do: `npm run validate [-- --quick] [-- --json FILE]`. Prints what must
// be zero, what tracking completions costs beside a bare write, and how long a removal with 1,000 stuck writes takes beside the two
// options that were not taken (bench/removal). Exit status 1 where a zero is none. See docs/validate.md.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cycles } from '../bench/validate/cycles.mjs';
import { ends } from '../bench/validate/ends.mjs';
import { compareOptions, measureOverhead } from '../bench/validate/measures.mjs';
import { optionTable, overheadLine, zeroTable } from '../bench/validate/tables.mjs';
import { loadFixtures } from './lib/fixtures.mjs';
import { scratchFolder } from './lib/scratch-folder.mjs';

const { values } = arguments_();
const fixtures = await loadFixtures();
const missing = ['stuckFile', 'stuckLoop', 'throttledLoop']
  .map(fixtures.whyNo)
  .filter((no) => no !== undefined);
if (missing.length > 0) {
  console.log(`validate: NOTHING MEASURED: ${missing.join('; ')}`);
  process.exit(1);
}
// The devices go with this process, however it ends; the folder only with its `exit`.
const folder = scratchFolder('validate');

const job = {
  fixtures,
  folder,
  quick: values.quick ?? false,
  say: (text) => console.error(`validate: ${text}`),
};
const cycled = await cycles(job);
const ended = await ends(job);
const overhead = await measureOverhead(job);
const options = await compareOptions(job);

const zeros = {
  'leaked work': cycled.work,
  'leaked descriptors': cycled.descriptors,
  'leaked rings': cycled.rings,
  'leaked mappings, each removal': cycled.mappings,
  'leaked memory, KiB each removal': cycled.memoryKiB,
  'ghost writes': options.cancel.ghosts,
  hangs: cycled.hangs + ended.hangs + options.cancel.waited,
  'unclean exits': ended.unclean + options.cancel.stayed,
};
console.log(zeroTable(zeros, { removals: cycled.removals, exits: ended.exits }));
console.log(overheadLine(overhead));
console.log(optionTable(options));
if (values.json !== undefined) {
  const report = { zeros, removals: cycled.removals, exits: ended.exits, overhead, options };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
const broken = Object.entries(zeros).filter(([, value]) => value !== 0);
if (broken.length === 0) console.log('validate: every zero is one');
else console.log(`validate: FAILED: ${broken.map(([name, value]) => `${name} ${value}`).join(', ')}`);
process.exitCode = broken.length === 0 ? 0 : 1;

function arguments_() {
  try {
    return parseArgs({ options: { quick: { type: 'boolean' }, json: { type: 'string' } } });
  } catch (error) {
    console.error(`validate: ${error.message}`);
    process.exit(16);
  }
}
