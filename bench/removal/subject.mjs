// One removal, in a process of its own, as two of the three options leave something behind in theirs. Forked, with messages:
// 'open', 'write', 'remove', 'look' and 'leave', each answered with what was seen.
// argv: the folder of the compiled library, the option (leak, cancel, force), main, spare, how many writes, the bound in milliseconds.
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BlockingWrites } from './blocking-writes.mjs';

const [library, option, main, spare, ...numbers] = process.argv.slice(2);
const [operations, boundMs] = numbers.map(Number);
const { RemapTarget } = await import(`${library}/index.js`);
const { nativeUsage } = await import(`${library}/device/native.js`);

/** Writes in the kernel at a time, of each option. */
const depth = 64;
const block = new Uint8Array(4096).fill(1);

const ours = async () => {
  const target = await RemapTarget.create({ main, spare, window: depth });
  return {
    inKernel: () => nativeUsage().inFlight,
    write: (index) => target.write(index * 8, block),
    presuspend: () => target.presuspend(),
    destroy: async () => {
      await target.destroy({ graceMs: 0 });
      return 0; // Each was told what it did, and where that is not known yet, `drained` will tell.
    },
  };
};
const model = async (limit) => {
  const writes = await BlockingWrites.open(main, { threads: depth, operations, ...limit });
  return {
    inKernel: () => writes.inKernel,
    write: (index) => writes.write(index * block.length, block),
    presuspend: async () => {},
    destroy: () => writes.remove(),
  };
};
const options = {
  leak: () => model({ boundMs }),
  cancel: ours,
  force: () => model({ deadlineMs: boundMs }),
};

let subject;
let settled = 0;
const steps = {
  async open() {
    subject = await options[option]();
    return look();
  },
  async write() {
    for (let index = 0; index < operations; index++) {
      const count = () => settled++;
      subject.write(index).then(count, count);
    }
    while (subject.inKernel() < Math.min(depth, operations)) await nextTurn();
  },
  async remove() {
    const begun = performance.now();
    await subject.presuspend();
    const suspended = performance.now();
    const leaked = await subject.destroy();
    const ended = performance.now();
    await nextTurn();
    return { presuspendMs: suspended - begun, destroyMs: ended - suspended, leaked, settled, ...look() };
  },
  async leave() {
    // Heard of before the exit, which may not come for a long time.
    process.once('disconnect', () => process.exit(0));
    process.disconnect();
  },
};

function look() {
  return {
    descriptors: readdirSync('/proc/self/fd').length - 1,
    threads: readdirSync('/proc/self/task').filter((thread) => !isKernels(thread)).length,
  };
}

/** io_uring's own workers come and go by themselves. */
function isKernels(thread) {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, 'utf8').startsWith('iou-');
  } catch {
    return true; // It has gone meanwhile.
  }
}

process.send('ready');
for (;;) {
  const [step] = await once(process, 'message');
  const answer = await steps[step]();
  process.send({ [step]: answer ?? null });
}
