// A few calls, one after the other, when it is told to, and what was said of them. argv: the folder of the compiled library, a
// file, the engine. The message names the call that is to fail, for an addon that can; else somebody else sees to it.
import { spoken, told } from './work.mjs';

const [library, path, engine] = process.argv.slice(2);
const { openDevice } = await import(`${library}/device/native-device.js`);
const { native } = await import(`${library}/device/native.js`);
native();

process.on('message', async ({ call, nth, errno }) => {
  native().addon.faults?.arm(call, nth, errno);
  const said = [];
  const tell = async (what, promise) => {
    const result = await told(what, promise);
    said.push(spoken(result));
    return result.value;
  };
  const device = await tell('open', openDevice(path, { mode: 'write', engine }));
  if (device !== undefined) {
    await tell('allocate', device.allocate(65_536));
    await tell('write', device.write(0n, new Uint8Array(4096).fill(1)));
    await tell('read', device.read(0n, 4096));
    await tell('flush', device.flush());
    await tell('close', device.close());
  }
  process.send({ said, failed: native().addon.faults?.disarm() });
});
process.send('ready');
