// One settlement, no matter who comes first, and nothing left behind.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type AbortRequest, cancellable, cancellableAsync, type Settle } from '../../lib/base/cancellable.js';
import { argumentError, DmremapError, errorCodes, OperationError } from '../../lib/base/errors.js';

/** A promise whose work is in the hands of the test. */
function held(options?: Parameters<typeof cancellable>[0]) {
  const requests: AbortRequest[] = [];
  let settle: Settle<string> | undefined;
  const promise = cancellable<string>(options, (given) => {
    settle = given;
    return (request) => requests.push(request);
  });
  return { promise, requests, settle: settle as Settle<string> };
}

describe('a cancellable promise', () => {
  it('settles with whoever comes first', async () => {
    const { promise, settle } = held();
    settle.resolve('first');
    settle.reject(new Error('second'));
    await expect(promise).resolves.toBe('first');
  });

  it('asks its work to stop where the abort comes while it is begun', async () => {
    const controller = new AbortController();
    const stopped = await new Promise<AbortRequest>((resolve) => {
      void cancellable<string>({ signal: controller.signal }, () => {
        controller.abort('meanwhile');
        return resolve;
      });
    });
    expect(stopped).toMatchObject({ code: 'ABORT_ERR', cause: 'meanwhile' });
  });

  it('asks its work to stop, by cancel, by signal and by deadline, and says why', async () => {
    const byCall = held();
    byCall.promise.cancel('enough');
    expect(byCall.requests).toMatchObject([{ code: 'ABORT_ERR', cause: 'enough' }]);

    const controller = new AbortController();
    const bySignal = held({ signal: controller.signal });
    controller.abort('no more');
    expect(bySignal.requests).toMatchObject([{ code: 'ABORT_ERR', cause: 'no more' }]);

    const stopped = await new Promise<AbortRequest>((resolve) => {
      void cancellable<string>({ timeoutMs: 0 }, () => resolve);
    });
    expect(stopped).toMatchObject({ code: 'ERR_TIMEOUT', cause: undefined });
  });

  it('gives a reason of its own where none was given', () => {
    const { promise, requests } = held();
    promise.cancel();
    expect(requests[0]?.cause).toMatchObject({ name: 'AbortError' });
  });

  it('never starts under a signal that is aborted already', async () => {
    let started = false;
    const promise = cancellable<string>({ signal: AbortSignal.abort('no') }, () => {
      started = true;
      return () => {};
    });
    await expect(promise).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      outcome: 'untouched',
      cause: 'no',
    });
    expect(started).toBe(false);
  });

  it('leaves no listener on the signal, however it ends', async () => {
    const { signal } = new AbortController();
    const one = held({ signal });
    const other = held({ signal });
    // One for all of them: a thousand would cost a thousand times as much each.
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    one.settle.resolve('done');
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    other.settle.reject(new Error('failed'));
    await Promise.allSettled([one.promise, other.promise]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('of many under one signal each is asked once, in order, also where another one throws or settles meanwhile', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const asked: number[] = [];
    //  Whoever runs the tests listens too, and would call it a failure.
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const thrown = new Promise((resolve) => {
      process.once('uncaughtException', resolve);
    }).finally(() => {
      for (const other of others) process.on('uncaughtException', other);
    });
    const settles: Settle<number>[] = [];
    const all = Array.from({ length: 6 }, (_, number) =>
      cancellable<number>({ signal }, (settle) => {
        settles.push(settle);
        return () => {
          asked.push(number);
          if (number === 1) throw new Error('of the second');
          if (number === 2) settles[4]?.resolve(4);
        };
      }),
    );
    settles[0]?.resolve(0);
    controller.abort();
    expect(asked).toEqual([1, 2, 3, 5]);
    await expect(thrown).resolves.toMatchObject({ message: 'of the second' });
    for (const settle of settles) settle.resolve(7);
    await expect(Promise.all(all)).resolves.toEqual([0, 7, 7, 7, 4, 7]);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('asks those that came after an event that was not the abort', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const before = held({ signal });
    signal.dispatchEvent(new Event('abort'));
    const after = held({ signal });
    controller.abort('no more');
    expect(after.requests).toMatchObject([{ code: 'ABORT_ERR', cause: 'no more' }]);
    for (const { settle } of [before, after]) settle.resolve('done');
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('an abort after the end asks nobody to stop', async () => {
    const controller = new AbortController();
    const { promise, requests, settle } = held({ signal: controller.signal });
    settle.resolve('done');
    controller.abort();
    promise.cancel();
    await promise;
    expect(requests).toEqual([]);
  });

  it('rejects, and does not throw, where its work cannot start or its options are wrong', async () => {
    const broken = cancellable(undefined, () => {
      throw new Error('no start');
    });
    await expect(broken).rejects.toThrow('no start');
    for (const options of [{ signal: 5 }, { timeoutMs: '5' }, 5, null]) {
      await expect(cancellable(options as never, () => () => {})).rejects.toMatchObject({
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
    for (const timeoutMs of [-1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      await expect(cancellable({ timeoutMs }, () => () => {})).rejects.toMatchObject({
        code: 'ERR_OUT_OF_RANGE',
      });
    }
  });

  it('passes the reason on through nested ones, a deadline as a deadline', async () => {
    const nested = (timeoutMs: number | undefined) =>
      cancellableAsync<void>({ timeoutMs }, (signal) =>
        cancellable<void>({ signal }, (settle) => (request) => settle.reject(request)),
      );
    await expect(nested(0)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    const cancelled = nested(undefined);
    cancelled.cancel('why');
    await expect(cancelled).rejects.toMatchObject({ code: 'ABORT_ERR', cause: 'why' });
  });
});

describe('errors', () => {
  it('carry a code of the table, and its text where no other is given', () => {
    for (const [code, text] of Object.entries(errorCodes)) {
      expect(new DmremapError(code as keyof typeof errorCodes)).toMatchObject({
        code,
        message: text,
        name: 'DmremapError',
      });
    }
  });

  it('for wrong arguments are a TypeError or a RangeError with a code', () => {
    expect(argumentError('ERR_INVALID_ARG_TYPE', 'x')).toBeInstanceOf(TypeError);
    expect(argumentError('ERR_OUT_OF_RANGE', 'x')).toBeInstanceOf(RangeError);
    expect(argumentError('ERR_UNALIGNED', 'x')).toMatchObject({ code: 'ERR_UNALIGNED' });
  });

  it('hold the process only for somebody who asks for `drained`', async () => {
    let held = 0;
    const drained = Promise.resolve('written' as const);
    const error = new OperationError('ABORT_ERR', undefined, {
      outcome: 'unknown',
      drained,
      hold: () => held++,
    });
    const told = await new Promise((resolve) => error.whenDrained(resolve));
    expect([told, held]).toEqual(['written', 0]);
    expect([await error.drained, held]).toEqual(['written', 1]);
  });
});
