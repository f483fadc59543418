#!/usr/bin/env node
// Room: cli. The only file that touches the process: it makes the context, turns signals into an abort, and exits.
import { addAbortSignal } from 'node:stream';
import { exitBits } from './print/exit-status.js';
import type { Sink } from './print/sink.js';

interface Output {
  readonly sink: Sink;
  /** Resolves when everything was handed to the kernel, or cannot be: to the error where somebody should know it. */
  flushed(): Promise<NodeJS.ErrnoException | undefined>;
}

function output(stream: NodeJS.WriteStream): Output {
  let failed: NodeJS.ErrnoException | undefined;
  stream.on('error', (error) => {
    failed ??= error;
  });
  return {
    sink: {
      //  Who closed the pipe (`| head`) wants no more; a write command must go on and finish its work all the same.
      write: (text) => {
        if (failed === undefined) stream.write(text);
      },
      isTTY: stream.isTTY === true,
      //  Asked for each time: a window changes its size.
      get columns() {
        return stream.columns;
      },
    },
    flushed: async () => {
      if (failed === undefined) await new Promise<void>((resolve) => stream.write('', () => resolve()));
      return failed?.code === 'EPIPE' ? undefined : failed;
    },
  };
}

/** The terminal stays as it is, so its own keys work: ^C is a signal, ^D the end. */
async function ask(question: string, signal: AbortSignal): Promise<string | undefined> {
  const { createInterface } = await import('node:readline');
  process.stderr.write(question);
  const lines = createInterface({ input: process.stdin, terminal: false });
  const typed = new Promise<string | undefined>((resolve, reject) => {
    lines.once('line', resolve);
    lines.once('close', () => resolve(undefined));
    const interrupted = () => {
      process.stderr.write('\n');
      reject(Object.assign(new Error('the question was interrupted'), { code: 'ABORT_ERR' }));
    };
    if (signal.aborted) interrupted();
    else signal.addEventListener('abort', interrupted, { once: true });
  });
  return typed.finally(() => lines.close());
}

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    //  The second one is meant: leave at once, whatever is in flight. The kernel keeps the spare held until it lands.
    if (controller.signal.aborted) process.exit(exitBits.cancelled);
    controller.abort(new Error(signal));
  });
}

/** A function, for CommonJS: that is what the command is bundled to, because Node starts it sooner. */
async function main(): Promise<never> {
  //  Only now: a signal that comes while these are loaded must be a cancellation too.
  const { blkidProbe, clockSeconds, openDevice, run } = await import('./program.js');

  const stdout = output(process.stdout);
  const stderr = output(process.stderr);
  //  A write that is stuck may leave nothing that keeps the loop alive, and yet the report is still to come.
  const alive = setInterval(() => {}, 2 ** 31 - 1);

  let status = await run({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    stdin: () => addAbortSignal(controller.signal, process.stdin),
    stdout: stdout.sink,
    stderr: stderr.sink,
    now: clockSeconds,
    monotonicMs: () => performance.now(),
    signal: controller.signal,
    openDevice,
    drainWaitMs: 1000,
    probe: blkidProbe(),
    ask: stderr.sink.isTTY && process.getBuiltinModule('node:tty').isatty(0) ? ask : undefined,
  });

  const lost = await stdout.flushed();
  if (lost !== undefined) {
    stderr.sink.write(`dmremap: the output could not be written: ${lost.code} (ERR_IO)\n`);
    status |= exitBits.failed;
  }
  await stderr.flushed();
  clearInterval(alive);
  //  Not by running dry: a write that is stuck in the kernel must not keep us.
  return process.exit(status);
}

void main();
