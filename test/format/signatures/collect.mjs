// Of each image: its non-zero sectors at the start of the device, at its end, and at a few places between, and what blkid says.
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [folder, output] = process.argv.slice(2);
const KiB = 1024;
const places = [
  [0, 72 * KiB], //  As far as most have their first structure.
  [128 * KiB, 132 * KiB],
  [256 * KiB, 280 * KiB],
  [384 * KiB, 388 * KiB],
  [1024 * KiB, 1025 * KiB],
  [65536 * KiB, 65540 * KiB],
];
const ends = [
  [512 * KiB, 488 * KiB],
  [256 * KiB, 232 * KiB],
  [132 * KiB, 0],
];
//  Random bytes of key slots, and free space, recognise nothing.
const only = { luks1: [[0, 4 * KiB]], luks2: [[0, 32 * KiB]], 'luks2-second': [[0, 32 * KiB]] };

const blkid = (path) => {
  const { stdout } = spawnSync('/usr/sbin/blkid', ['-p', '-o', 'export', '--', path], { encoding: 'utf8' });
  const value = (key) => new RegExp(`^${key}=(.*)$`, 'm').exec(stdout)?.[1];
  return value('TYPE') ?? value('PTTYPE') ?? null;
};

const images = readFileSync(join(folder, 'recipes'), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [name, made] = line.split('\t');
    const path = join(folder, name);
    const descriptor = openSync(path, 'r');
    const { size } = fstatSync(descriptor);
    const ranges = only[name] ?? [...places, ...ends.map(([from, to]) => [size - from, size - to])];
    const sectors = {};
    for (const [from, to] of ranges) {
      for (let at = Math.max(0, from - (from % 512)); at < Math.min(to, size); at += 512) {
        const sector = Buffer.alloc(512);
        readSync(descriptor, sector, 0, 512, at);
        if (sector.some((byte) => byte !== 0)) sectors[at] = sector.toString('base64');
      }
    }
    closeSync(descriptor);
    return { name, made, sizeBytes: size, blkid: blkid(path), sectors };
  });
writeFileSync(output, gzipSync(JSON.stringify(images), { level: 9 }));
for (const { name, blkid, sectors } of images) console.log(name, blkid, Object.keys(sectors).length);
