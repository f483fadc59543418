// A process whose calls fail to order. argv: the folder of the compiled library. Each message is a case; the answer tells what
// came of it. The case that a process dies of is the one without an answer.
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { contradictions, healthy, prepare, work } from './work.mjs';

const library = isMainThread ? process.argv[2] : workerData.library;
const { openDevice } = await import(`${library}/device/native-device.js`);
const { native, nativeUsage } = await import(`${library}/device/native.js`);
const { strayEvents } = await import(`${library}/device/completions.js`);

if (isMainThread) {
  const { faults } = native().addon;
  let value = 0;
  let warm = false;

  const tasks = () => readdirSync('/proc/self/task').filter(isOfUs).length;
  const tasksAtStart = tasks();
  const patterns = { inProcess, inWorker };
  process.on('message', async ({ pattern, call = 'nothing', nth = 0, errno = 0, ...options }) => {
    if (pattern === 'rest') return process.send({ threadsLeft: await threadsLeft() });
    if (!warm) await warmUp(options);
    const before = await settled();
    value = (value % 200) + 1;
    prepare(options.paths);
    faults.arm(call, nth, errno);
    const report = await patterns[pattern]({ ...options, value });
    // What a worker has had is given back by threads, some of it after it has gone: those calls count too.
    if (pattern === 'inWorker' && !options.leave) await differences(before);
    const counts = faults.count();
    report.failed = faults.disarm();
    report.wrong = contradictions(report.claims, value);
    report.wrong.push(...(await healthy(openDevice, { ...options, value })));
    // A segment stays where a write that has been left may still want it, and where the kernel did not take it back.
    if (options.leave || call === 'munmap') delete before.mappings;
    report.wrong.push(...(await differences(before)));
    process.send({ ...report, claims: undefined, counts });
  });

  /** What is made once and kept, and what grows and does not shrink. */
  async function warmUp(options) {
    prepare(options.paths);
    for (let round = 0; round < 3; round++) await inProcess({ ...options, value: 1 });
    warm = true;
  }

  /** The threads of ours that do not end. Those without work do, after two seconds. */
  async function threadsLeft() {
    const patience = Date.now() + 20_000;
    while (tasks() > tasksAtStart && Date.now() < patience) await setTimeout(50);
    return tasks() - tasksAtStart;
  }

  async function inProcess(options) {
    return await work(openDevice, options);
  }

  async function inWorker(options) {
    const worker = new Worker(new URL(import.meta.url), { workerData: { library, options } });
    const gone = once(worker, 'exit');
    const [report] = await once(worker, 'message');
    // With writes in flight it does not end by itself before they have landed.
    if (options.leave) await worker.terminate();
    await gone;
    return report;
  }

  // --- What is held
  /** Not a worker of the kernel's, which is a thread of the process too and stays with the ring. */
  function isOfUs(thread) {
    try {
      return !readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').startsWith('iou-');
    } catch {
      return false; // It has just ended.
    }
  }

  function held() {
    const descriptors = readdirSync('/proc/self/fd').flatMap((number) => {
      try {
        return [readlinkSync(`/proc/self/fd/${number}`).replace(/\d+/, '')];
      } catch {
        return []; // The one of this listing.
      }
    });
    return {
      descriptors: descriptors.sort().join(' '),
      ...faults.held(),
      usage: JSON.stringify(nativeUsage()),
      strays: strayEvents(),
    };
  }

  /** Jobs end on threads of their own, a little after they were told. */
  async function settled() {
    let now = held();
    for (let same = 0; same < 3; same++) {
      await nextTurn();
      const next = held();
      if (Object.keys(now).some((key) => now[key] !== next[key])) same = 0;
      now = next;
    }
    return now;
  }

  async function differences(before) {
    const patience = Date.now() + 5000;
    let now = held();
    // What grows is left behind. What shrinks was on its way when it was counted: a job that ends, a segment that goes at last.
    const changed = () =>
      Object.keys(before).filter((key) =>
        typeof now[key] === 'number' ? now[key] > before[key] : now[key] !== before[key],
      );
    while (changed().length > 0 && Date.now() < patience) {
      await nextTurn();
      now = held();
    }
    return changed().map((key) => `${key} was ${before[key]} and is ${now[key]}`);
  }
} else {
  const { options } = workerData;
  parentPort.postMessage(await work(openDevice, { ...options, openAgain: true }));
}
