// npm run build:native
import { buildNative, hasLiburing, liburingHint } from './lib/native-build.mjs';

if (!hasLiburing()) console.error(liburingHint);
process.exitCode = buildNative();
