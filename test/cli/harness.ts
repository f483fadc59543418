// The command line under test: in this process with a context of its own, or as a real process from dist/.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { Context } from '../../lib/cli/context.js';
import { run } from '../../lib/cli/run.js';
import { openDevice } from '../../lib/device/native-device.js';
import { decodePreimage, type Preimage } from '../../lib/recovery/preimage.js';
import { drawnNow, spareImage } from '../support/disk.js';
import { drawSlots } from '../support/draw.js';
import { goldenBytes } from '../support/golden.js';

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Overrides extends Partial<Omit<Context, 'argv' | 'stdout' | 'stderr'>> {
  readonly isTTY?: boolean;
  /** Sees everything that is written to stderr, when it is written. */
  readonly onStderr?: (text: string) => void;
}

/** Runs the command line in this process, at the clock of the drawn disks, with backups under `cwd`. */
export async function dmremap(cwd: string, argv: readonly string[], overrides: Overrides = {}): Promise<Ran> {
  const { isTTY = false, onStderr, ...others } = overrides;
  let stdout = '';
  let stderr = '';
  const status = await run({
    argv,
    env: { XDG_STATE_HOME: join(cwd, 'state') },
    cwd,
    stdin: () => (async function* () {})(),
    stdout: {
      write: (text) => {
        stdout += text;
      },
      isTTY,
    },
    stderr: {
      write: (text) => {
        stderr += text;
        onStderr?.(text);
      },
      isTTY,
    },
    now: () => drawnNow,
    monotonicMs: () => performance.now(),
    signal: new AbortController().signal,
    openDevice,
    drainWaitMs: 20,
    ...others,
  });
  return { status, stdout, stderr };
}

const root = fileURLToPath(new URL('../../', import.meta.url));
export const mainFile = join(root, 'dist/cli/main.js');
const stuckFile = new URL('stuck-writes.mjs', import.meta.url).href;

/** Starts a real process. `stuck`: its durable writes never complete, as on a device that hangs; a number: but so many. */
export function start(
  cwd: string,
  argv: readonly string[],
  options: SpawnOptions & { readonly stuck?: boolean | number } = {},
): ChildProcess {
  const { stuck = false, ...others } = options;
  const node = stuck !== false ? ['--import', stuckFile, mainFile] : [mainFile];
  const { PATH, DMREMAP_ENGINE } = process.env;
  const env = {
    PATH,
    DMREMAP_ENGINE,
    XDG_STATE_HOME: join(cwd, 'state'),
    STUCK_AFTER: `${Number(stuck === true ? 0 : stuck)}`,
  };
  return spawn(process.execPath, [...node, ...argv], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...others,
  });
}

/** Waits for a process to end. */
export function ended(child: ChildProcess): Promise<Ran & { readonly signal: NodeJS.Signals | null }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

/** Runs a real process to its end. */
export const spawned = (cwd: string, argv: readonly string[], options: SpawnOptions = {}) =>
  ended(start(cwd, argv, options));

/** Resolves when the stderr of a process has said this. */
export function saysOnStderr(child: ChildProcess, text: string): Promise<void> {
  let seen = '';
  return new Promise((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      seen += chunk;
      if (seen.includes(text)) resolve();
    });
    child.on('close', () => reject(new Error(`ended without saying "${text}": ${seen}`)));
  });
}

/** A golden image as a file. Returns its path. */
export function goldenFile(folder: string, name: string): string {
  const path = join(folder, `${name}.img`);
  writeFileSync(path, goldenBytes(name));
  return path;
}

/** A drawn disk as a file: a spare of 4 MiB. Returns its path. */
export function drawFile(path: string, disk: string): string {
  writeFileSync(path, spareImage(drawSlots(disk)));
  return path;
}

/** What commands with this `cwd` have saved, the oldest first. */
export function backupsIn(cwd: string, state = join(cwd, 'state')): string[] {
  const folder = join(state, 'dmremap');
  try {
    const made = (path: string) => statSync(path, { bigint: true }).birthtimeNs;
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .sort((a, b) => Number(made(a) - made(b)));
  } catch {
    return [];
  }
}

/** Runs the command that the text tells to undo with, as a shell would. Its pre-image goes where those of `cwd` go. */
export function undo(stderr: string, cwd: string, spare = ''): string {
  const command = /undo with:\n {2}(dmremap undo .*)\n/.exec(stderr)?.[1];
  if (command === undefined) throw new Error(`no way to undo in: ${stderr}`);
  const shell = `dmremap() { '${process.execPath}' '${mainFile}' "$@"; }\n${command} ${spare}`;
  const {
    status,
    stdout,
    stderr: said,
  } = spawnSync('bash', ['-c', shell], {
    cwd: '/',
    encoding: 'utf8',
    env: { PATH: process.env.PATH, XDG_STATE_HOME: join(cwd, 'state') },
  });
  //  The bit of damage that is left tells of what was put back.
  if (status !== 0 && status !== 4) throw new Error(`undo ended with ${status}: ${said}`);
  return stdout;
}

/** Everything about a file that a reader must not change. */
export function stateOf(path: string) {
  const { size, mtimeNs, ctimeNs, mode } = statSync(path, { bigint: true });
  return { size, mtimeNs, ctimeNs, mode, bytes: readFileSync(path).toString('latin1') };
}

const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true });

/** Proves a document against its schema in docs/. */
function prove(document: { readonly schema?: unknown }): void {
  const id = String(document.schema);
  const name = /^dmremap\.([a-z-]+)\/1$/.exec(id)?.[1];
  const validate =
    ajv.getSchema(id) ??
    ajv.compile(JSON.parse(readFileSync(join(root, `docs/${name}.schema.json`), 'utf8')));
  expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
}

/** The one JSON document that stdout holds, proven. */
export function documentOf(stdout: string): Record<string, unknown> {
  const document: Record<string, unknown> = JSON.parse(stdout); //  Throws on anything before or behind it.
  prove(document);
  return document;
}

/** What a pre-image tells of itself, proven. */
export function provenPreimage(file: string): Preimage {
  const { preimage } = decodePreimage(readFileSync(file));
  prove(preimage);
  return preimage;
}

/** The steps that `--progress-json` has told, each proven. */
export function stepsOf(stderr: string): Record<string, unknown>[] {
  const lines = stderr.split('\n').filter((line) => line.startsWith('{'));
  const steps: Record<string, unknown>[] = lines.map((line) => JSON.parse(line));
  for (const step of steps) prove(step);
  return steps;
}
