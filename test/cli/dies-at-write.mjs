// Preloaded into a real process: it is killed with SIGKILL when so many groups of durable writes have landed, as by the
// kernel, without a word. DIES_AFTER says how many; one that has fewer ends as it would.
import { native } from '../../dist/device/native.js';

const { addon, register, dispatch } = native();
const { submit } = addon;
const most = Number(process.env.DIES_AFTER);
let landed = 0;

addon.submit = (id, device, steps, groupEnds, durable) => {
  const left = most - landed;
  if (!durable || groupEnds.length <= left) {
    if (durable) landed += groupEnds.length;
    return submit(id, device, steps, groupEnds, durable);
  }
  if (left === 0) process.kill(process.pid, 'SIGKILL');
  const last = register(() => {
    process.kill(process.pid, 'SIGKILL');
    return true;
  });
  dispatch(submit(last, device, steps.slice(0, groupEnds[left - 1] * 3), groupEnds.slice(0, left), durable));
  return undefined;
};
