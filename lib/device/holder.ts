// Why a device is busy, in words. Reads only procfs and sysfs, which answer without asking any device.
import { readdirSync, readFileSync } from 'node:fs';

/** A sentence part such as "it is mounted on /srv", or undefined where nobody is seen: then it may be a ghost write. */
export function whoHolds(major: number, minor: number): string | undefined {
  const number = `${major}:${minor}`;
  const mounted = lines('/proc/self/mountinfo')
    .map((line) => line.split(' '))
    .find((fields) => fields[2] === number);
  if (mounted !== undefined) return `it is mounted on ${mounted[4]}`;
  const base = `/sys/dev/block/${number}`;
  const holders = entries(`${base}/holders`);
  if (holders.length > 0) return `it is held by ${holders.join(', ')}`;
  const name = /^DEVNAME=(.+)$/m.exec(lines(`${base}/uevent`).join('\n'))?.[1];
  if (name !== undefined && lines('/proc/swaps').some((line) => line.startsWith(`/dev/${name} `))) {
    return 'it is used as swap';
  }
  const partition = entries(base).find((entry) => name !== undefined && entry.startsWith(name));
  if (partition !== undefined) {
    const [inner] = lines(`${base}/${partition}/dev`);
    const [innerMajor, innerMinor] = (inner ?? '').split(':').map(Number);
    const reason = innerMajor && innerMinor !== undefined ? whoHolds(innerMajor, innerMinor) : undefined;
    if (reason !== undefined) return `of its partition ${partition}: ${reason}`;
  }
  return undefined;
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
