// Preloaded into a real process: it is killed with SIGKILL when so many groups of durable writes have landed, as by the
// kernel, without a word. DIES_AFTER says how many; one that has fewer ends as it would.
import { native } from '../../dist/device/native.js';

const { addon } = native();
const { submit, setHandler } = addon;
const most = Number(process.env.DIES_AFTER);
const lastId = 0xffff_ffff; //  None that the command gives out: its ids are counted from 1.
let landed = 0;

const heard = (events) => {
  for (let at = 0; events !== undefined && at < events.length; at += 3) {
    if (events[at] === lastId) process.kill(process.pid, 'SIGKILL');
  }
};

//  The command is bundled, so it has a handler of its own, which it sets when it opens its first device.
addon.setHandler = (handler) =>
  setHandler((events) => {
    heard(events);
    handler(events);
  });

addon.submit = (id, device, steps, groupEnds, durable) => {
  const left = most - landed;
  if (!durable || groupEnds.length <= left) {
    if (durable) landed += groupEnds.length;
    return submit(id, device, steps, groupEnds, durable);
  }
  if (left === 0) process.kill(process.pid, 'SIGKILL');
  heard(submit(lastId, device, steps.slice(0, groupEnds[left - 1] * 3), groupEnds.slice(0, left), durable));
  return undefined;
};
