// Room: target. What is known of the health of the devices, and the work that finds it out: the analysis of errors and the
// scan. What was found outlives a suspension; the work does not: it ends in the call that leaves `active`.

import { sector } from '../base/units.js';
import type { Activity } from './activity.js';
import { TargetError } from './effects.js';
import { type Analysis, ErrorAnalysis } from './error-analysis.js';
import { HealthScan, type ScanPass, type ScanProgress } from './health-scan.js';
import type { MediumEvent } from './medium.js';
import { channels } from './observability.js';
import { ScanReadError, type ScanSubject } from './scan-subject.js';
import type { OpenTargetOptions } from './target-options.js';

export class Health {
  readonly #target: object;
  readonly #errors: ErrorAnalysis;
  readonly #scan: HealthScan;
  readonly #periodic: boolean;
  #activity: Activity | undefined;
  #mainSectors = 0n;
  /** The analysis that is due. */
  #due: NodeJS.Immediate | undefined;

  /** @throws TypeError and RangeError of `ErrorAnalysis` and `HealthScan`. */
  constructor(
    target: object,
    { healthScan, errorAnalysis }: Pick<OpenTargetOptions, 'healthScan' | 'errorAnalysis'>,
  ) {
    this.#target = target;
    this.#errors = new ErrorAnalysis(errorAnalysis);
    this.#scan = new HealthScan(this.#subject(), healthScan);
    this.#periodic = healthScan !== undefined;
  }

  get progress(): ScanProgress {
    return this.#scan.progress;
  }

  analyse(): Analysis {
    return this.#errors.analyse(performance.now());
  }

  begin(activity: Activity, mainSectors: bigint): void {
    this.#activity = activity;
    this.#mainSectors = mainSectors;
    if (this.#periodic) this.#scan.start();
  }

  /** Done when the call returns. */
  end(): void {
    this.#scan.stop();
    clearImmediate(this.#due);
    this.#due = undefined;
    this.#activity = undefined;
  }

  scanOnce(signal: AbortSignal): Promise<ScanPass> {
    return this.#scan.scanOnce({ signal });
  }

  succeeded(device: 'main' | 'spare', sectors: number): void {
    this.#errors.recordSuccess(device, sectors);
  }

  failed({ device, kind, sector: first, count }: MediumEvent): void {
    this.#errors.recordError({ device, kind, sector: sector(first), count, atMs: performance.now() });
    if (this.#activity === undefined) return;
    // Off the path of the request, and once for all errors of a turn.
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      if (channels.health.hasSubscribers) {
        channels.health.publish({ target: this.#target, analysis: this.analyse() });
      }
    });
  }

  #subject(): ScanSubject {
    const active = () => {
      if (this.#activity === undefined) throw new Error('a scan without an activity');
      return this.#activity;
    };
    const health = this;
    return {
      get sectors() {
        return health.#mainSectors;
      },
      read: async (first, count, signal) => {
        try {
          const activity = active();
          await activity.background(activity.io.verify(first, count, signal));
        } catch (error) {
          if (!(error instanceof TargetError) || error.sectors.length === 0) throw error;
          const failed = error.sectors.map((range) => ({
            first: sector(range.sector),
            count: Number(range.count),
          }));
          throw new ScanReadError(failed, { cause: error, errno: error.errno });
        }
      },
      scrub: (signal) => active().scrub(signal),
      repair: () => active().sync.markDirty(),
    };
  }
}
