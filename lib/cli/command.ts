// Room: cli. What a command is, and what several of them share.

import type { Context } from './context.js';
import type { Args, OptionSpecs } from './options/args.js';

export interface Command {
  /** As it is typed: `examine`, `remap add`. */
  readonly name: string;
  /** What follows the options. Small letters are typed as they stand, capitals are placeholders (OptionSpec). */
  readonly operands: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** For the command's own help: what it does and promises. The lines are joined; an empty one begins a paragraph. */
  readonly about: readonly string[];
  /** Each is run by the tests: on images made for it where it names no device. */
  readonly examples: readonly Example[];
  readonly options: OptionSpecs;
  /** Returns the exit status. What it throws becomes one. */
  run(context: Context, args: Args): Promise<number>;
}

/** What to type, and what it is good for: as the sentence that stands above it. */
export interface Example {
  readonly command: string;
  readonly says: string;
}

/** Commands by the words that are typed, each loaded when it is asked for. */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

export const jsonOption = { json: { help: 'print exactly one JSON document' } } as const;

export const readOptions = {
  ...jsonOption,
  geometry: {
    value: 'auto|driver|documented',
    help: "where to look; auto: the driver's places, unless only the documented ones hold something",
  },
  now: { value: 'SECONDS', help: "judge at this time since the epoch instead of the host's clock" },
} as const;

export const progressOption = {
  'progress-json': { help: 'tell each step as it begins, as one line of JSON on stderr' },
} as const;

export const writeOptions = {
  backup: { value: 'FILE', help: 'save what will be overwritten to FILE, which must not exist' },
  'no-backup': { help: 'save nothing' },
  buffered: { help: 'go on without O_DIRECT where the file system has none' },
  timeout: { value: 'MS', help: 'give up after MS milliseconds, and say what is on the disk then' },
  'allow-single-copy': { help: 'write where only one copy fits: a crash meanwhile may leave none' },
  ...progressOption,
} as const;

/** For commands to which `--backup` means something else, or that never go without. */
export const preimageOption = {
  preimage: { value: 'FILE', help: 'save what will be overwritten to FILE, which must not exist' },
} as const;

export const copyIndexOption = {
  'copy-index': {
    value: 'own|zero',
    help: 'own (default): each copy has its number; zero: as the module writes',
  },
} as const;

export const dataInMetadataOption = {
  'allow-data-in-metadata': {
    help: 'write although remapped sectors have their data in the metadata region',
  },
} as const;

/** Prints lines. */
export const print = (context: Context, lines: readonly string[]): void =>
  context.stdout.write(`${lines.join('\n')}\n`);

export const geometryNames = ['auto', 'driver', 'documented'] as const;
