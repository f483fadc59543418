// Room: bench, pure part. What the scripts are told.
import { parseArgs } from 'node:util';

/** A mistake in the arguments: exit status 16. */
export class UsageError extends Error {}

/**
 * @param benchmarks those there are. Where there is one it need not be named.
 * @returns the chosen ones, in their own order, and the options.
 * @throws UsageError
 */
export function parse(benchmarks, argv) {
  const { values, positionals } = parsed(argv);
  const names = benchmarks.map(({ name }) => name);
  const unknown = positionals.find((word) => !names.includes(word));
  if (unknown !== undefined) {
    throw new UsageError(`there is no benchmark '${unknown}', only ${names.join(', ')}`);
  }
  const chosen = benchmarks.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const { path } = values;
  if (path !== undefined && !chosen.some(({ usesPath }) => usesPath)) {
    throw new UsageError(`--path: ${chosen.map(({ name }) => name).join(', ')} need no device`);
  }
  if (path === '' || values.json === '') throw new UsageError('an empty path names nothing');
  if (values.destroy && path === undefined) throw new UsageError('--destroy: of what? --path names it');
  return { quick: false, plot: false, help: false, destroy: false, ...values, chosen };
}

function parsed(argv) {
  try {
    return parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        plot: { type: 'boolean' },
        path: { type: 'string' },
        destroy: { type: 'boolean' },
        quick: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

export function usage(script, benchmarks) {
  const named = benchmarks.length > 1;
  const usesPath = benchmarks.some((benchmark) => benchmark.usesPath);
  return [
    `usage: ${script}${named ? ' [NAME...]' : ''} [options]`,
    '',
    ...benchmarks.map(({ name, title }) => `  ${name.padEnd(14)}${title}`),
    '',
    '  --json FILE   writes the figures of each round (docs/bench.schema.json)',
    '  --plot        draws SVG plots, beside FILE or in this folder',
    ...(usesPath
      ? [
          '  --path PATH   the file or block device to measure on: an empty one, or one',
          '                that is made, and removed again',
          '  --destroy     overwrites what lies in its first 64 MiB. There is no way back',
        ]
      : []),
    '  --quick       a few short rounds: to see that it runs',
    '',
  ].join('\n');
}
