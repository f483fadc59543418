// Room: bench. Writes figures into docs/benchmarks.md: `node bench/frame/report.mjs RESULT.json...`, of runs with --plot whose plots
// lie beside their results. Of a benchmark that is in several of them the last counts. What stands between the marks of the page is
// replaced; what people have written around them stays.
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { benchmarkText, goalRow, headerText } from './text.mjs';

const docs = join(import.meta.dirname, '../../docs');
const page = join(docs, 'benchmarks.md');

const files = process.argv.slice(2);
if (files.length === 0 || !files.every((file) => existsSync(file))) {
  console.error('report: the JSON of a run is wanted: node bench/frame/report.mjs RESULT.json...');
  process.exit(16);
}
const results = files.map((file) => ({ file, ...JSON.parse(readFileSync(file, 'utf8')) }));
if (results.some(({ quick }) => quick)) {
  console.error('report: a quick run shows nothing');
  process.exit(16);
}
/** By name, each with the folder of its plots. */
const benchmarks = new Map(
  results.flatMap(({ file, benchmarks }) =>
    benchmarks.map((benchmark) => [benchmark.name, { ...benchmark, folder: dirname(file) }]),
  ),
);
const inOrder = [...benchmarks.values()];
const missing = results
  .flatMap(({ failures }) => failures)
  .filter(({ benchmark }) => !benchmarks.has(benchmark));
if (missing.length > 0) {
  console.error(`report: could not be measured: ${missing.map(({ benchmark }) => benchmark).join(', ')}`);
  process.exit(16);
}

const code = (text) => ['```text', text.replaceAll(/^ {2}/gm, '').trimEnd(), '```'].join('\n');

function goalTable() {
  const rows = inOrder.flatMap(({ goals }) => goals.map(goalRow));
  return [
    '| what | goal | reached | |',
    '|---|---|---|---|',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
}

/** Its plots, all its figures, and how many of its goals are met. */
function section(benchmark) {
  const plots = plotsOf(benchmark).map((name) => `![${name}](images/${name})`);
  return [
    ...plots,
    `<details><summary>All figures of ${benchmark.name}</summary>`,
    code(benchmarkText({ ...benchmark, goals: [] })),
    '</details>',
  ].join('\n\n');
}

const plotsOf = ({ name, folder }) =>
  readdirSync(folder)
    .filter((entry) => entry.startsWith(`bench-${name}-`) && entry.endsWith('.svg'))
    .sort();

function withPart(text, name, part) {
  const marks = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`);
  if (!marks.test(text)) throw new Error(`${page} has no place for '${name}'`);
  return text.replace(marks, (_, begin, end) => `${begin}\n${part}\n\n${end}`);
}

const parts = [
  ['machine', results.map((result) => code(headerText(result))).join('\n\n')],
  ['goals', goalTable()],
  ...inOrder.map((benchmark) => [benchmark.name, section(benchmark)]),
];
const text = parts.reduce((whole, [name, part]) => withPart(whole, name, part), readFileSync(page, 'utf8'));

const images = join(docs, 'images');
for (const old of readdirSync(images).filter((name) => /^bench-.*\.svg$/.test(name)))
  rmSync(join(images, old));
for (const benchmark of inOrder)
  for (const plot of plotsOf(benchmark)) copyFileSync(join(benchmark.folder, plot), join(images, plot));
writeFileSync(page, text);
console.log(`report: ${page}`);
