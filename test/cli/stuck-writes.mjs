// Preloaded into a real process: its durable writes go nowhere and never complete, as on a device that hangs. An abort
// settles them as the engine does: what was issued is unknown, what was not is untouched. STUCK_AFTER: so many batches of
// them land before.
import { native } from '../../dist/device/native.js';

const { addon } = native();
const { start, submit, abort } = addon;
const stuck = new Map();
let left = Number(process.env.STUCK_AFTER ?? 0);

addon.start = (id, device, kind, offset, bytes, durable) => {
  if (!durable || left-- > 0) return start(id, device, kind, offset, bytes, durable);
  stuck.set(id, { count: 1, issued: 1 });
  process.stderr.write('(stuck)\n');
  return true;
};

addon.submit = (id, device, steps, groupEnds, durable) => {
  if (!durable || left-- > 0) return submit(id, device, steps, groupEnds, durable);
  stuck.set(id, { count: steps.length / 3, issued: groupEnds[0] });
  process.stderr.write('(stuck)\n');
  return undefined;
};

addon.abort = (id) => {
  const { count, issued } = stuck.get(id) ?? {};
  if (count === undefined) return abort(id);
  const results = Array.from({ length: count }, (_, at) => [at < issued ? 2 : 0, 0, 0]).flat();
  return [id, 2, results]; //  Settled, and not drained.
};
