// Room: cli. Where a path leads: found out once, before it is opened, and shown. `/dev/disk/by-id` is full of links, and who
// overwrites a disk has to see which.
import { realpath } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { type CancelOptions, cancellable, neverStarted } from '../../base/cancellable.js';
import type { Context } from '../context.js';
import { escapeText } from '../print/escape.js';

/** Not normalised: `a/../b` is another file than `b` where `a` is a symbolic link. */
export const absolute = ({ cwd }: Context, path: string): string =>
  isAbsolute(path) ? path : `${cwd}/${path}`;

/** The path without symbolic links, which is told; as it was given where there are none, or it leads nowhere. */
export async function resolvedPath(context: Context, path: string, limits: CancelOptions): Promise<string> {
  const { cwd, stderr } = context;
  const given = resolve(cwd, path);
  const real = await whereTo(absolute(context, path), given, limits);
  if (real === given) return path;
  stderr.write(`${escapeText(path)} -> ${escapeText(real)}\n`);
  return real;
}

/** In a thread of its own, which a dead server of the file system may keep for ever. */
const whereTo = (path: string, otherwise: string, limits: CancelOptions) =>
  cancellable<string>(limits, (settle) => {
    //  What is wrong with the path is for the opening to tell.
    try {
      realpath.native(path, (error, resolved) => settle.resolve(error === null ? resolved : otherwise));
    } catch {
      settle.resolve(otherwise);
    }
    return (request) => settle.reject(neverStarted(request));
  });
