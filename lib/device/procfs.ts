// Files of procfs and sysfs, which answer without asking any device. What is not there, or may not be read, is empty.
import { readdirSync, readFileSync } from 'node:fs';

/** Where they are mounted. Tests have trees of their own. */
export interface Roots {
  readonly sys: string;
  readonly proc: string;
}

export const hostRoots: Roots = { sys: '/sys', proc: '/proc' };

export function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

export function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The whole number that the file holds, which may be negative; undefined where it holds something else. */
export function numberIn(path: string): number | undefined {
  const [text = ''] = linesOf(path);
  return /^-?\d+$/.test(text.trim()) ? Number(text) : undefined;
}

/** A path as mountinfo and swaps hold it: blanks, line feeds and backslashes stand in octal (proc_pid_mountinfo(5)). */
export const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));

/** `process 4418 (node)` */
export const processName = (pid: string, { proc }: Roots): string => {
  const [name = ''] = linesOf(`${proc}/${pid}/comm`);
  return name === '' ? `process ${pid}` : `process ${pid} (${name})`;
};
