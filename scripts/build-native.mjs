// npm run build:native. `--faults FOLDER` builds the addon whose calls fail to order (docs/native-faults.md) there.
import { buildFaults, buildNative, hasLiburing, liburingHint } from './lib/native-build.mjs';

if (!hasLiburing()) console.error(liburingHint);
const [option, folder] = process.argv.slice(2);
process.exitCode = option === '--faults' ? buildFaults(folder) : buildNative();
