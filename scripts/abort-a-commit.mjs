// Adds a hundred remaps to the table of a spare and aborts the commit in the middle: when some copies are written and
// some are not. When that is depends on the disk, so it tries, one turn of the event loop later each time.
import { CommitError, examineDevice, MetadataStore } from '../dist/index.js';

const path = process.argv[2];
const store = await MetadataStore.open(path, { mode: 'write' });
console.log(`opened: sequence ${store.sequence}, ${store.table.size} remaps`);
for (let original = 10_000; original < 10_100; original++) store.table.add(original);

const isMiddle = ({ copies }) =>
  copies.some(({ outcome }) => outcome !== 'untouched') &&
  copies.some(({ outcome }) => outcome === 'untouched');

let error;
let attempts = 0;
for (let turns = 0; attempts < 200 && (error === undefined || !isMiddle(error)); attempts++) {
  const commit = store.commit({ unsettled: 'wait' });
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
  commit.cancel('changed my mind');
  try {
    await commit;
    turns = 0; // Too late: it was done. From the beginning.
  } catch (reason) {
    if (!(reason instanceof CommitError)) throw reason;
    error = reason;
    turns++;
  }
}
if (error === undefined) throw new Error('no abort has reached a commit');

console.log(`attempt ${attempts} was rejected: ${error.name} (${error.code}), because: ${error.cause}`);
const note = ({ disarmed }) => (disarmed ? ', its damaged bytes disarmed' : '');
for (const copy of error.copies) console.log(`  copy ${copy.copy}: ${copy.outcome}${note(copy)}`);
console.log(`a reader would find now: ${error.finds} (the new table has sequence ${error.sequence})`);
const final = await error.drained;
console.log(`and with nothing in flight any more: ${final.finds}`);
await store.close();

const found = (await examineDevice(path)).elections.ours?.sequence;
const agrees = final.finds === 'either' || (final.finds === 'new') === (found === error.sequence);
console.log(`read back: sequence ${found}, ${agrees ? 'as it was said' : 'NOT as it was said'}`);
if (!agrees) process.exitCode = 1;
