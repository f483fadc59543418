// Room: bench. All benchmarks, or those that are named: `npm run bench [-- NAME...] [--json FILE] [--plot] [--path PATH] [--quick]`.
// Each is a script of its own too. In the order in which they are shown.
import { cancel } from './cancel.mjs';
import { codec } from './codec.mjs';
import { commit } from './commit.mjs';
import { main } from './frame/main.mjs';
import { start } from './start.mjs';
import { table } from './table.mjs';
import { writes } from './writes.mjs';

await main([writes, commit, cancel, codec, table, start], 'npm run bench --');
