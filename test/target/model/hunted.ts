// Runs inside of a mutant: ends with 3 and what is wrong, or with 0 where nothing is.
import { runHistories } from './history.js';

const found = await runHistories(10_000, { seed: 1, shrink: false });
if (found !== undefined) {
  console.log(found.split('\n')[0]);
  process.exitCode = 3;
}
