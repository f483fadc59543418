// The crash explorer: `npm run crash -- --help` says what it can do.
import { runExplorer } from './lib/explorer.mjs';

runExplorer('crash', 'test/crash', ['test/golden']);
