// Room: cli. How far a command is: a bar on a terminal once it takes more than a second, or one line of JSON as each step
// begins. On stderr, and gone before anything else is printed.
import type { Device } from '../../device/device.js';
import { WatchedDevice, type Work } from '../../device/watched-device.js';
import { geometries, metadataRegionBytes } from '../../format/geometry.js';
import { slotBytes } from '../../format/structure.js';
import { copiesText } from '../../store/table/phrases.js';
import type { Args } from '../options/args.js';
import type { Sink, Surface } from './sink.js';
import { counted } from './text.js';

/** In the order in which a command takes them. A handover writes and reads back twice. */
const stepNames = ['open', 'read', 'plan', 'save', 'check', 'write', 'read-back', 'verdict'] as const;
type StepName = (typeof stepNames)[number];

/** A line of `--progress-json` (docs/progress.schema.json). */
interface Step {
  readonly step: StepName;
  /** What is read. */
  readonly copy?: number;
  /** What is written, or disarmed. */
  readonly copies?: readonly number[];
  /** To so many places behind the metadata data is moved. */
  readonly places?: number;
  /** A new image is written. */
  readonly output?: true;
  /** Of the writes that are durable one before the other, from 1. */
  readonly group?: number;
  readonly groups?: number;
  /** What the drive holds in its cache is made durable. */
  readonly flush?: true;
  readonly exitStatus?: number;
}

const words: Readonly<Record<StepName, string>> = {
  open: 'opening',
  read: 'reading',
  plan: 'planning',
  save: 'saving what is there',
  check: 'reading again',
  write: 'writing',
  'read-back': 'reading back',
  verdict: 'done',
};

const barAfterMs = 1000;
const barColumns = 20;
const eraseLine = '\r\u001b[K';

export class Progress {
  /** Take the place of the context's: they erase the bar before they print. */
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly #out: Sink;
  readonly #command: string;
  readonly #asJson: boolean;
  readonly #timer: NodeJS.Timeout | undefined;
  #step: Step = { step: 'open' };
  #isDue = false;
  #isShown = false;
  #isQuiet = false;

  constructor({ stdout, stderr, env }: Surface & { readonly stderr: Sink }, args: Args, command: string) {
    this.#out = stderr;
    this.#command = command;
    this.#asJson = args.flags.has('progress-json');
    const above = (sink: Sink): Sink => ({
      isTTY: sink.isTTY,
      write: (text) => {
        this.#erase();
        sink.write(text);
      },
    });
    this.stdout = above(stdout);
    this.stderr = above(stderr);
    if (this.#asJson || !stderr.isTTY || env.TERM === 'dumb') return;
    this.#timer = setTimeout(() => {
      this.#isDue = true;
      this.#draw();
    }, barAfterMs);
    this.#timer.unref();
  }

  begin(step: StepName, detail: Omit<Step, 'step'> = {}): void {
    this.#step = { step, ...detail };
    if (this.#asJson) {
      const line = { schema: 'dmremap.progress/1', command: this.#command, ...this.#step };
      this.#out.write(`${JSON.stringify(line)}\n`);
    }
    //  By then the result is printed, and the bar is gone.
    if (step !== 'verdict') this.#draw();
  }

  /** The device, with its work told. */
  watch(device: Device): WatchedDevice {
    return new WatchedDevice(device, (work) => this.#beginWork(work));
  }

  /** Keeps the terminal for somebody else, such as a question. */
  async quiet<T>(work: () => Promise<T>): Promise<T> {
    this.#isQuiet = true;
    this.#erase();
    try {
      return await work();
    } finally {
      this.#isQuiet = false;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#isDue = false;
    this.#erase();
  }

  #beginWork(work: Work): void {
    const { step } = this.#step;
    //  What is read tells of the step that it belongs to: the first write is what divides the last two.
    const reading = step === 'write' || step === 'read-back' ? 'read-back' : step === 'check' ? step : 'read';
    switch (work.kind) {
      case 'read': {
        const copy = copyAt(work.offset);
        if (copy !== undefined && work.length === slotBytes) this.begin(reading, { copy });
        //  Data that was moved: told once, not place by place.
        else if (reading !== step && reading === 'read-back') this.begin(reading);
        break;
      }
      case 'flush':
        this.begin(reading, { flush: true });
        break;
      case 'write': {
        const { group, groups, steps } = work;
        const copies = [...new Set(steps.map(({ offset }) => Number(offset / BigInt(slotBytes))))];
        const behind = steps.filter(({ offset }) => offset >= metadataRegionBytes).length;
        this.begin('write', { ...(behind > 0 ? { places: behind } : { copies }), group, groups });
        break;
      }
    }
  }

  #draw(): void {
    if (!this.#isDue || this.#isQuiet) return;
    const { step, group = 0, groups = 1, flush } = this.#step;
    const done = stepNames.indexOf(step) + (group > 0 ? (group - 1) / groups : 0);
    const filled = Math.round((done / (stepNames.length - 1)) * barColumns);
    const bar = '#'.repeat(filled).padEnd(barColumns, '-');
    const which = whatOf(this.#step);
    const of = group > 0 ? ` (${group} of ${groups})` : '';
    this.#out.write(`${eraseLine}[${bar}] ${flush ? 'flushing' : `${words[step]} ${which}`.trim()}${of}`);
    this.#isShown = true;
  }

  #erase(): void {
    if (this.#isShown) this.#out.write(eraseLine);
    this.#isShown = false;
  }
}

/** What a step is at. */
function whatOf({ copy, copies, places, output }: Step): string {
  if (output) return 'the new image';
  if (places !== undefined) return `data to ${counted(places, 'free place')}`;
  if (copies !== undefined) return copiesText(copies);
  return copy === undefined ? '' : copiesText([copy]);
}

function copyAt(offset: bigint): number | undefined {
  const copy = geometries.driver.slots.indexOf(offset as never);
  return copy < 0 ? undefined : copy;
}
