// Targets of the kernel module over a block device. The module opens its devices by itself, so sysfs shows no holder (format.md
// section 5), and only the tables of the mapped devices tell. They are asked of dmsetup(8): what it prints was written by
// whoever made the mapped device, so it is taken as hostile.
import { accessSync, constants } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { deviceNumberOf } from './device-number.js';
import { entriesOf, type Roots } from './procfs.js';

/** Where dmsetup is, in this order. Never looked for in PATH: whoever sets that would be run as root. */
export const dmsetupPaths = ['/usr/sbin/dmsetup', '/sbin/dmsetup'] as const;

export interface MappedSources extends Roots {
  readonly dmsetup: readonly string[];
  /** How long dmsetup may take. */
  readonly timeoutMs: number;
}

/** `none`: no target can use it, or the tables of all were read and name others. `unknown`: that cannot be learned. */
type MappedUse = { readonly state: 'none' | 'unknown' } | { readonly state: 'used'; readonly by: string };

/** Whether a target of the module uses one of these block devices (MAJOR:MINOR), as main or as spare. */
export async function mappedUse(
  numbers: ReadonlySet<string>,
  sources: MappedSources,
  signal?: AbortSignal,
): Promise<MappedUse> {
  const modules = entriesOf(`${sources.sys}/module`);
  const disks = entriesOf(`${sources.sys}/block`);
  if (modules.length === 0 || disks.length === 0) return { state: 'unknown' };
  //  Loaded or built in, it has parameters and stands there; its targets are mapped devices.
  const mayBe = modules.some((name) => /^dm_remap/.test(name)) && disks.some((name) => /^dm-\d+$/.test(name));
  if (!mayBe) return { state: 'none' };
  const printed = await tablesOf(sources, signal);
  if (printed === undefined) return { state: 'unknown' };
  let complete = true;
  for (const line of printed.split('\n').slice(0, mostLines)) {
    const target = targetOf(line);
    if (target === undefined) continue;
    const found = await namesOneOf(target.devices, numbers);
    if (found) return { state: 'used', by: `the kernel module has it in the mapped device ${target.name}` };
    if (found === undefined) complete = false;
  }
  return { state: complete && printed.split('\n').length <= mostLines ? 'none' : 'unknown' };
}

const targetType = 'dm-remap-v4';
const mostLines = 1024;
const mostBytes = 1 << 20;
//  Two words, and more where a path has blanks.
const mostWords = 16;

interface Target {
  readonly name: string;
  readonly devices: string;
}

/** `NAME: START LENGTH dm-remap-v4 [dm-remap-v4] MAIN SPARE`: the module prints its own name once more. */
function targetOf(line: string): Target | undefined {
  const [, name, type, rest] = /^(.+?): \d+ \d+ (\S+) (.*)$/.exec(line) ?? [];
  if (name === undefined || rest === undefined || type !== targetType) return undefined;
  return { name, devices: rest.startsWith(`${targetType} `) ? rest.slice(targetType.length + 1) : rest };
}

/** Undefined where one of the two could not be told. A path may have blanks, which are not marked: each may be the gap. */
async function namesOneOf(devices: string, numbers: ReadonlySet<string>): Promise<boolean | undefined> {
  const words = devices.split(' ');
  if (words.length > mostWords) return undefined;
  let understood = false;
  for (let at = 1; at < words.length; at += 1) {
    const pair = [words.slice(0, at).join(' '), words.slice(at).join(' ')];
    const [main, spare] = await Promise.all(pair.map(numberNamed));
    if (main !== undefined && numbers.has(main)) return true;
    if (spare !== undefined && numbers.has(spare)) return true;
    understood ||= main !== undefined && spare !== undefined;
  }
  return understood ? false : undefined;
}

async function numberNamed(device: string): Promise<string | undefined> {
  if (/^\d+:\d+$/.test(device)) return device;
  if (!isAbsolute(device) || device.includes('\0')) return undefined;
  try {
    const found = await stat(device, { bigint: true });
    return found.isBlockDevice() ? deviceNumberOf(found.rdev) : undefined;
  } catch {
    return undefined;
  }
}

/** What dmsetup prints; undefined where there is none, or it fails, or takes too long. */
async function tablesOf(
  { dmsetup, timeoutMs }: MappedSources,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const program = dmsetup.find(isExecutable);
  if (program === undefined || signal?.aborted) return undefined;
  //  Loaded only here: most calls need none.
  const { execFile } = await import('node:child_process');
  if (signal?.aborted) return undefined;
  return new Promise((resolve) => {
    const child = execFile(
      program,
      ['table', '--target', targetType],
      { cwd: '/', env: { LC_ALL: 'C' }, maxBuffer: mostBytes, windowsHide: true },
      (error, stdout) => end(error === null ? stdout : undefined),
    );
    child.stdin?.end();
    //  Also where it is stuck in the kernel, and no signal ends it.
    const giveUp = () => {
      child.kill('SIGKILL');
      child.unref();
      end(undefined);
    };
    const timer = setTimeout(giveUp, timeoutMs);
    signal?.addEventListener('abort', giveUp, { once: true });
    const end = (printed: string | undefined) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      resolve(printed);
    };
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return isAbsolute(path);
  } catch {
    return false;
  }
}
