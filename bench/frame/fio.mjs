// Room: bench. fio as a side, where it is installed: the same writes, with a fixed file and fixed buffers where its engine has them.
import { spawnSync } from 'node:child_process';
import { measuredProgram } from './measured-program.mjs';
import { fill } from './ours.mjs';

const engines = ['io_uring', 'libaio', 'psync'];
/** It counts its time in whole milliseconds, and its processor time too: a run must be long beside that. */
const leastMs = 300;
const quickMs = 20;

/** Those of fio's engines that are measured here; none where there is no fio. */
export async function fioEngines(say) {
  const { status, error } = spawnSync('fio', ['--version'], { stdio: 'ignore' });
  if (status === 0) return engines;
  say(`fio is not measured: ${error?.code === 'ENOENT' ? 'it is not installed' : 'it does not run'}`);
  return [];
}

/** @returns a side, as sideProcess() does. */
export function fio({ path, engine, depth, sync, firstBlock, blocks, blockBytes, quick }, length) {
  const wordsFor = (ms) => [
    'fio',
    ...['--name=writes', '--rw=randwrite', '--direct=1', '--time_based', '--output-format=json'],
    ...['--randrepeat=1', '--norandommap', '--allow_file_create=0'],
    `--filename=${path.replaceAll(':', '\\:')}`,
    `--ioengine=${engine}`,
    ...(engine === 'io_uring' ? ['--registerfiles=1', '--fixedbufs=1'] : []),
    `--iodepth=${depth}`,
    `--bs=${blockBytes}`,
    // As the others write it: what is left behind can be told from data.
    ...[`--buffer_pattern=${fill}`, '--scramble_buffers=0'],
    `--offset=${firstBlock * blockBytes}`,
    `--size=${blocks * blockBytes}`,
    `--runtime=${Math.max(ms, quick ? quickMs : leastMs)}ms`,
    ...(sync ? ['--sync=dsync'] : []),
  ];
  return measuredProgram(wordsFor, length, fioSample);
}

/** What it prints, as a sample. Its processor time is that of its job, without the start of fio. */
export function fioSample(text) {
  const { error, write, usr_cpu: user, sys_cpu: system } = JSON.parse(text).jobs[0];
  if (error !== 0) throw new Error(`fio ended with errno ${error}`);
  // Of a bucket of its histogram, which can end above the greatest.
  const share = (name) => Math.min(latency.percentile[name], latency.max);
  const { total_ios: done, runtime, iops, clat_ns: latency } = write;
  return {
    rate: iops,
    cpu: (Math.max(1, ((user + system) / 100) * runtime) * 1e6) / done,
    p50: share('50.000000'),
    p99: share('99.000000'),
    slowest: latency.max,
  };
}
