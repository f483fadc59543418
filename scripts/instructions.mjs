// Whether the hot paths take more instructions than they did: `npm run instructions` counts them with callgrind and holds them
// against those of bench/instructions.json, `npm run instructions -- --record` counts each several times and writes that file. Counts say
// what times on a busy machine cannot. Exit status: 1 where one is beyond its bounds, 16 for a mistake in the arguments.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus } from 'node:os';
import { join } from 'node:path';
import { instructionsOf } from '../bench/instructions/callgrind.mjs';
import { compare, comparisonText, stored } from '../bench/instructions/compare.mjs';
import { rows } from '../bench/instructions/rows.mjs';
import { root } from './lib/native-build.mjs';
import { scratchFolder } from './lib/scratch-folder.mjs';

const file = join(root, 'bench/instructions.json');
/** How often a count is repeated that is to be stored: what it varies by sets its bounds. */
const repetitions = 3;

const asked = process.argv.slice(2);
const record = asked.includes('--record');
const unknown = asked.filter((word) => word !== '--record');
if (unknown.length > 0) {
  console.error(`instructions: there is no ${unknown.join(', ')}, only --record`);
  process.exit(16);
}

const folder = scratchFolder('instructions');

const firstLine = (command) =>
  spawnSync(command, ['--version'], { encoding: 'utf8' }).stdout?.split('\n')[0] ?? 'none';

const environment = {
  'Node.js': process.versions.node,
  architecture: arch(),
  CPU: cpus()[0]?.model.trim() || 'unknown',
  compiler: firstLine('g++'),
  valgrind: firstLine('valgrind'),
};

/** Of each row as many counts, one row after the other. */
async function counts(each) {
  const counted = [];
  for (const row of rows(folder)) {
    console.error(`instructions: counting ${row.name}`);
    const found = [];
    for (let round = 0; round < each; round++) found.push(await instructionsOf(row, folder).catch(giveUp));
    counted.push({ name: row.name, counts: found });
  }
  return counted;
}

/** Without one of the counts there is no verdict. */
function giveUp(error) {
  const said = error.stderr?.split('\n').find((line) => /^\w*Error\b/.test(line));
  console.error(`instructions: this could not be counted: ${said ?? error.message.split('\n')[0]}`);
  process.exit(1);
}

if (record) {
  const recorded = (await counts(repetitions)).map(({ name, counts }) => stored(name, counts));
  const document = { schema: 'dmremap.instructions/1', environment, rows: recorded };
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
  console.log(`instructions: wrote ${recorded.length} counts`);
} else {
  const now = (await counts(1)).map(({ name, counts }) => ({ name, count: counts[0] }));
  const result = compare(JSON.parse(readFileSync(file, 'utf8')), { environment, rows: now });
  console.log(comparisonText(result));
  process.exitCode = result.rows.every(({ within }) => within) ? 0 : 1;
}
