// Room: target. What can be watched from outside: diagnostics channels, counters, and histograms of latencies.
//
//   channel                     message                                when
//   tracing:dmremap.commit:*    { target, attempt }, result or error   each try to make the table durable
//   tracing:dmremap.remap:*     { target, sectors }, error             a block is moved to the spare
//   dmremap.cancel              { target, operation, code, outcome }   an operation was aborted, or ran out of time
//   dmremap.state               { target, from, to }                   after a change of state
//   dmremap.health              { target, analysis }                   the errors that came last have been analysed
import { channel, tracingChannel } from 'node:diagnostics_channel';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export const channels = {
  commit: tracingChannel('dmremap.commit'),
  remap: tracingChannel('dmremap.remap'),
  cancel: channel('dmremap.cancel'),
  state: channel('dmremap.state'),
  health: channel('dmremap.health'),
} as const;

const timedOperations = ['read', 'write', 'remap', 'commit', 'cancel', 'presuspend'] as const;
export type TimedOperation = (typeof timedOperations)[number];

/** Of one kind of operation, from its call to its settlement, in milliseconds. */
export interface Latency {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export class Latencies {
  readonly #histograms = new Map<TimedOperation, RecordableHistogram>();

  /** @param startedAt of `performance.now()`. */
  record(operation: TimedOperation, startedAt: number): void {
    let histogram = this.#histograms.get(operation);
    if (histogram === undefined) {
      // Within one per cent: a tenth of the memory of the default.
      histogram = createHistogram({ figures: 2 });
      this.#histograms.set(operation, histogram);
    }
    histogram.record(Math.max(1, Math.round((performance.now() - startedAt) * 1e6)));
  }

  summary(): Readonly<Partial<Record<TimedOperation, Latency>>> {
    const milliseconds = (nanoseconds: number) => nanoseconds / 1e6;
    return Object.fromEntries(
      Array.from(this.#histograms, ([operation, histogram]) => [
        operation,
        {
          count: histogram.count,
          p50Ms: milliseconds(histogram.percentile(50)),
          p99Ms: milliseconds(histogram.percentile(99)),
          maxMs: milliseconds(histogram.max),
        },
      ]),
    );
  }
}
