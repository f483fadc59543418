// Room: cli. A second pair of eyes where it is installed: `blkid -p` of util-linux knows more kinds of data than we do. What it says
// is added to what we see and never taken instead: where it is missing, hangs, dies or talks nonsense, it has said nothing.
import { execFile } from 'node:child_process';
import { isAbsolute } from 'node:path';

/** Says what a path holds, to follow "it holds", or nothing. Never rejects. */
export type Probe = (path: string, signal: AbortSignal) => Promise<string | undefined>;

interface BlkidOptions {
  /** The first that exists is asked. */
  readonly programs?: readonly string[];
  readonly timeoutMs?: number;
}

//  Never from PATH: it runs as root.
const installed = ['/usr/sbin/blkid', '/sbin/blkid'];
const mostBytes = 16_384;

/** Asks blkid about `path`, which is absolute. */
export const blkidProbe =
  ({ programs = installed, timeoutMs = 3000 }: BlkidOptions = {}): Probe =>
  async (path, signal) => {
    if (!isAbsolute(path)) return undefined;
    for (const program of programs) {
      const said = await output(program, ['-p', '-o', 'export', '--', path], timeoutMs, signal);
      if (said !== 'missing') return said;
    }
    return undefined;
  };

//  libblkid: `blkid -p` exits with 8 where it finds marks of more than one kind.
const ambivalent = 8;

function output(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined | 'missing'> {
  return new Promise((resolve) => {
    const settings = {
      env: { LC_ALL: 'C' },
      cwd: '/',
      encoding: 'latin1',
      maxBuffer: mostBytes,
      windowsHide: true,
    } as const;
    const child = execFile(program, args, settings, (error, stdout) => {
      if (error === null) finish(kindIn(stdout));
      else if (error.code === 'ENOENT') finish('missing');
      else
        finish(error.code === ambivalent ? 'marks of more than one kind of data, as blkid says' : undefined);
    });
    //  A process that hangs in the kernel outlives even SIGKILL: it is left behind, and nobody waits for it.
    const giveUp = () => {
      child.kill('SIGKILL');
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      finish(undefined);
    };
    const timer = setTimeout(giveUp, timeoutMs);
    signal.addEventListener('abort', giveUp, { once: true });
    function finish(said: string | undefined | 'missing') {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      resolve(said);
    }
    if (signal.aborted) giveUp();
  });
}

/** What the output names, if it is a name. */
export function kindIn(text: string): string | undefined {
  const name = /^(?:TYPE|PTTYPE)=([A-Za-z0-9][A-Za-z0-9_.+-]{0,39})$/m.exec(text)?.[1];
  return name === undefined ? undefined : `${name}, as blkid says`;
}
