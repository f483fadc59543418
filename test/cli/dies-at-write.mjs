// Preloaded into a real process: it is killed with SIGKILL when so many groups of durable writes have landed, as by the
// kernel, without a word. DIES_AFTER says how many; one that has fewer ends as it would.
import { native } from '../../dist/device/native.js';

//  The command is bundled, and so has this file a second time: both speak through the addon, and by one speaker.
const { addon, register, dispatch } = native();
const { start, submit } = addon;
const most = Number(process.env.DIES_AFTER);
let landed = 0;

const die = () => process.kill(process.pid, 'SIGKILL');

addon.start = (id, device, kind, offset, bytes, durable) => {
  if (durable && landed++ === most) die();
  return start(id, device, kind, offset, bytes, durable);
};

addon.submit = (id, device, steps, groupEnds, durable) => {
  const left = most - landed;
  if (!durable || groupEnds.length <= left) {
    if (durable) landed += groupEnds.length;
    return submit(id, device, steps, groupEnds, durable);
  }
  if (left === 0) die();
  const ours = register({ onEvent: die });
  dispatch(submit(ours, device, steps.slice(0, groupEnds[left - 1] * 3), groupEnds.slice(0, left), durable));
  return undefined;
};
