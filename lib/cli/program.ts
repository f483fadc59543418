// Room: cli. What main.ts loads once signals are seen to, as one file of the bundle.
export { clockSeconds } from '../base/units.js';
export { openDevice } from '../device/native-device.js';
export { run } from './run.js';
export { blkidProbe } from './spare/blkid.js';
