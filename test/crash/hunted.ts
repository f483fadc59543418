// Runs inside of a mutant: ends with 3 and the first violation, or with 0 where there is none.
import { firstViolation } from './hunt.js';

const found = await firstViolation();
if (found !== undefined) {
  const { operation, start, state, what } = found;
  console.log(`${operation} on ${start}: ${state}: ${what}`);
  process.exitCode = 3;
}
