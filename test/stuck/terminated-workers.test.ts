// Workers that are terminated with writes in flight on a device that hangs, hundreds of times in one process: it does not
// crash, and nothing of them stays with it: no ring, descriptor, mapping, thread or handle; where the engine lets a process
// leave, not even while their writes are stuck. Those land when the device comes back.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type EngineName, enginesToTry, guaranteesOf } from '../../lib/device/engines.js';
import type { NativeUsage } from '../../lib/device/native.js';
import { tiered } from '../support/tier.js';
import { openWhenFree } from './hanging.js';
import { stuckLoop } from './loop.js';
import { whyNo } from './reasons.js';
import { stuckFile } from './stuck-file.js';

const script = join(import.meta.dirname, '../fixtures/terminator.mjs');
const library = join(import.meta.dirname, '../../dist');
const writes = 4;
const hows = ['flight', 'cancel', 'close'] as const;

/** What a process has; see the fixture. */
interface Found {
  readonly rings: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly mappings: number;
  /** Resident bytes that the kernel may still write from. */
  readonly unforked: number;
  readonly resources: string;
}

class Terminator implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  readonly #stderr: Promise<string>;

  constructor(engine: EngineName) {
    const stdio = ['ignore', 'inherit', 'pipe', 'ipc'] as const;
    this.#child = fork(script, [library, engine], { stdio: [...stdio], execArgv: [] });
    this.#exit = once(this.#child, 'exit');
    this.#stderr = text(this.#child.stderr as NonNullable<ChildProcess['stderr']>);
  }

  async #ask<T>(message: object | string): Promise<T> {
    const answer = once(this.#child, 'message').then(([said]) => said as T);
    this.#child.send(message);
    const ended = this.#exit.then(async ([status, signal]) => {
      throw new Error(`it ended (${signal ?? status}): ${await this.#stderr}`);
    });
    return Promise.race([answer, ended]);
  }

  /** Starts a worker, and resolves when its writes are with the kernel. */
  async start(path: string, round: number): Promise<NativeUsage> {
    const how = hows[round % hows.length];
    return (await this.#ask<{ writing: NativeUsage }>({ start: path, how })).writing;
  }

  async terminate(): Promise<number> {
    return (await this.#ask<{ terminated: number }>('terminate')).terminated;
  }

  async look(): Promise<Found> {
    return (await this.#ask<{ found: Found }>('look')).found;
  }

  /** Looks once it has no more threads than that: ours end a moment after they have let go of their file. */
  async lookWhenThreadsAre(count: number): Promise<Found> {
    for (;;) {
      const found = await this.look();
      if (found.threads <= count) return found;
    }
  }

  /** Lets it end by itself. */
  async leave() {
    this.#child.send('leave');
    const [status, signal] = await this.#exit;
    return { status, signal, stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#exit;
  }
}

function expectNoMoreThan(before: Found, after: Found, rounds: number): void {
  const { unforked, ...rest } = after;
  expect(rest).toEqual({ ...rest, rings: 0, resources: before.resources });
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  // What is in flight keeps its pages, as the kernel may still read them; what was queued keeps none: not even half of
  // that, for V8 has such memory too.
  expect(unforked - before.unforked).toBeLessThan((rounds * (writes * 4096 + queuedBytes)) / 2);
}

/** Mappings come and go with V8's own memory: what counts is that the rounds between leave none behind each. */
const expectNoMoreMappingsThan = (before: Found, after: Found, rounds: number) =>
  expect(after.mappings - before.mappings).toBeLessThan(rounds / 4);

/** As many again are queued behind them, of 32 KiB each. */
const queuedBytes = writes * 32 * 1024;
const inFlight = { operations: 2 * writes, inFlight: writes };

const engines = enginesToTry();
const warmUp = 12; // Until Node has its threads and V8 its memory.

const noLoop = whyNo('stuckLoop');
describe.skipIf(noLoop !== undefined).each(engines)(noLoop ?? 'a stuck loop device with %s', (engine) => {
  it('is taken by workers in turn, each terminated with its writes in flight, and has all of them', async () => {
    await using disk = await stuckLoop();
    await disk.stall('write');
    await using terminator = new Terminator(engine);
    let before: Found | undefined;
    const rounds = tiered(100, 15);
    for (let round = 0; round < warmUp + rounds; round++) {
      if (round === warmUp) before = await terminator.look();
      expect(await terminator.start(disk.path, round)).toMatchObject(inFlight);
      await disk.held(writes, 'write');
      expect(await terminator.terminate()).toBe(1);
      // The worker has gone, and its writes have not.
      expect((await disk.status()).held).toBe(String(writes));
      await disk.release();
      expect((await disk.done(writes * (round + 1), 'write')).length).toBe(writes * (round + 1));
    }
    await (await openWhenFree(disk.path)).close();
    if (before === undefined) throw new Error('never looked');
    const after = await terminator.lookWhenThreadsAre(before.threads);
    expectNoMoreThan(before, after, rounds);
    expectNoMoreMappingsThan(before, after, rounds);
    expect(await terminator.leave()).toEqual({ status: 0, signal: null, stderr: '' });
  });
});

const noFile = whyNo('stuckFile');
describe.skipIf(noFile !== undefined).each(engines)(noFile ?? 'many stuck files with %s', (engine) => {
  it('keep nothing of the workers that were terminated, one after the other, with writes in flight to each', async () => {
    const rounds = tiered(76, 12);
    const names = Array.from({ length: warmUp + rounds }, (_, index) => `disk-${index}`);
    const sizeBytes = 32 * 1024;
    await using file = await stuckFile({
      beside: Object.fromEntries(names.map((name) => [name, sizeBytes])),
    });
    await file.stall('write');
    await using terminator = new Terminator(engine);
    let before: Found | undefined;
    for (const [round, name] of names.entries()) {
      if (round === warmUp) before = await terminator.look();
      expect(await terminator.start(file.pathOf(name), round)).toMatchObject(inFlight);
      await file.held(writes * (round + 1), 'write');
      expect(await terminator.terminate()).toBe(1);
    }
    // All of them are stuck still.
    expect((await file.status()).held).toBe(String(writes * names.length));
    if (before === undefined) throw new Error('never looked');
    const leave = async (found: Found) => {
      const after = await terminator.lookWhenThreadsAre(found.threads);
      expectNoMoreThan(found, after, rounds);
      // With so many threads at a time libc keeps stacks for later ones.
      if (leavesWhileStuck) expectNoMoreMappingsThan(found, after, rounds);
      expect(await terminator.leave()).toEqual({ status: 0, signal: null, stderr: '' });
    };
    const { leavesWhileStuck } = guaranteesOf(engine);
    if (leavesWhileStuck) await leave(before);
    await file.pass();
    await file.release();
    for (const name of names) await (await openWhenFree(file.pathOf(name))).close();
    if (!leavesWhileStuck) await leave(before);
    const expected = Buffer.alloc(sizeBytes);
    for (let index = 0; index < writes; index++) expected.fill(1, index * 8192, index * 8192 + 4096);
    for (const name of names) expect(file.medium(name).equals(expected)).toBe(true);
  });
});
