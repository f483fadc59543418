// Room: bench. Runs benchmarks, tells of them while they run, and writes down what came out.
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants as os, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, UsageError, usage } from './arguments.mjs';
import { header } from './machine.mjs';
import { goalsOf, groupResult, verdictOf } from './result.mjs';
import { measureGroup } from './rounds.mjs';
import { benchmarkText, headerText, printable } from './text.mjs';

/** At least five rounds: the median of fewer is one of its neighbours by chance. */
const lengths = {
  full: { rounds: 7, roundMs: 100, warmUpMs: 400, starts: 31, warmUpStarts: 5, hangs: 5 },
  quick: { rounds: 3, roundMs: 2, warmUpMs: 5, starts: 3, warmUpStarts: 1, hangs: 2 },
};

/**
 * The whole of a script. Sets the exit status: 1 where something could not be measured, 16 for a mistake in the arguments,
 * 128 and the number of the signal that has ended it.
 * @param benchmarks each has
 *   name, title   what it is called, and what it measures, in a line
 *   usesPath      whether it measures on the device that the user names
 *   withEngine    whether an engine moves bytes in it
 *   groups        of a job, what is measured: see rounds.mjs and result.mjs. Its `keep()` takes what is to be disposed of in the end, its
 *                 `signal` is aborted when the user wants no more
 *   plots         which groups are drawn together: see plot.mjs
 */
export async function main(benchmarks, script, argv = process.argv.slice(2)) {
  try {
    const job = parse(benchmarks, argv);
    if (job.help) console.log(usage(script, benchmarks).trimEnd());
    else process.exitCode = await run(job);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    say(`${error.message}; \`${script} --help\` says more`);
    process.exitCode = 16;
  }
}

const say = (text) => console.error(`bench: ${printable(text)}`);

async function run({ chosen, json, plot, path, destroy, quick }) {
  const folder = folderOf(json);
  const withEngine = chosen.some((benchmark) => benchmark.withEngine);
  const result = {
    schema: 'dmremap.bench/1',
    ...(await header({ path, withEngine, quick })),
    benchmarks: [],
    failures: [],
  };
  console.log(headerText(result));
  const signal = interruption();
  const length = lengths[quick ? 'quick' : 'full'];
  const job = { path, destroy, quick, length, signal, scratch: scratchFolder() };
  for (const benchmark of chosen) {
    try {
      const measured = await measure(benchmark, job);
      signal.throwIfAborted();
      result.benchmarks.push(measured);
      console.log(benchmarkText(measured));
      if (plot) await drawAll(benchmark, measured, folder);
    } catch (error) {
      if (signal.aborted) return interrupted(signal);
      result.failures.push({ benchmark: benchmark.name, message: error.message });
      say(`${benchmark.name} could not be measured: ${error.message}`);
    }
  }
  const { verdict, exitStatus } = verdictOf(result);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ ...result, verdict }, null, 1)}\n`);
  console.log(`bench: ${verdict}`);
  return exitStatus;
}

async function measure({ name, title, groups: groupsOf }, job) {
  const kept = [];
  const keep = (resource) => {
    kept.push(resource);
    return resource;
  };
  try {
    const definitions = await groupsOf({ ...job, keep, say });
    const groups = [];
    const goals = [];
    for (const [at, definition] of definitions.entries()) {
      say(`${name} ${at + 1}/${definitions.length}: ${definition.title}`);
      const samples = await measureGroup(definition, job.length, job.signal);
      const group = groupResult(definition, samples);
      groups.push(group);
      goals.push(...goalsOf(definition, group));
    }
    return { name, title, groups, goals };
  } finally {
    for (const resource of kept.reverse()) await resource[Symbol.asyncDispose]();
  }
}

async function drawAll({ plots }, { name, groups }, folder) {
  // A charting library takes a while to load, and is there for this alone.
  const { drawPlot } = await import('./plot.mjs');
  for (const plot of plots) {
    if (!groups.some((group) => plot.groups.test(group.name))) continue;
    const file = join(folder, `bench-${name}-${plot.name}.svg`);
    writeFileSync(file, drawPlot(plot, groups));
    say(`wrote ${file}`);
  }
}

/** Where the plots go. A file that cannot be written is a mistake to be told before the figures are measured. */
function folderOf(json) {
  const folder = json === undefined ? '.' : dirname(json);
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`--json: ${error.message}`);
  }
  return folder;
}

/** A folder for what is measured on, made at the first call; it goes when this process does. */
function scratchFolder() {
  let folder;
  return () => {
    if (folder !== undefined) return folder;
    folder = mkdtempSync(join(tmpdir(), 'dmremap-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
}

/** Aborted by the first signal to end. Whoever is at work stops where nothing of it is left behind; the second signal ends at once. */
function interruption() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => controller.abort(signal));
  return controller.signal;
}

function interrupted({ reason }) {
  say(`ended by ${reason}`);
  return 128 + os.signals[reason];
}
