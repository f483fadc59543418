// npm's install script. In a checkout it does nothing: `npm run setup` builds there, after the system packages. Where
// dmremap is a dependency it builds the addon, and says in one line what is missing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildNative, hasLiburing, liburingHint, root } from './lib/native-build.mjs';

if (!existsSync(join(root, 'lib'))) {
  if (!hasLiburing()) {
    console.error(liburingHint);
    process.exit(1);
  }
  process.exitCode = buildNative();
}
