// Room: bench. Encoding, decoding and electing, and the update of five copies after one more remap beside encoding them whole:
// `node bench/codec.mjs [--quick]`.
import { main } from './frame/main.mjs';
import { sideProcess } from './frame/side-process.mjs';

const module = new URL('sides/codec.mjs', import.meta.url).href;
const counted = (entries) => (entries === 1 ? '1 entry' : `${entries.toLocaleString('en')} entries`);

const sidesOf = (names, entries) =>
  names.map((name) => ({ name, start: (length) => sideProcess(module, name, { entries }, length) }));

const whole = (entries) => ({
  name: `whole-${entries}`,
  title: `a whole copy, ${counted(entries)}`,
  alike: true,
  sides: sidesOf(['encode', 'decode', 'checksum'], entries),
  ratios: [
    { of: 'encode', to: 'checksum', measure: 'time' },
    { of: 'decode', to: 'checksum', measure: 'time' },
  ],
});

const judged = (entries) => ({
  name: `judge-${entries}`,
  title: `five copies judged, ${counted(entries)}`,
  alike: true,
  sides: sidesOf(['elect', 'examine'], entries),
  ratios: [],
});

const oneMore = (entries) => ({
  name: `one-more-${entries}`,
  title: `one more remap in five copies, ${counted(entries)}`,
  alike: true,
  sides: sidesOf(['update', 'encode five'], entries),
  ratios: [{ of: 'update', to: 'encode five', measure: 'rate' }],
});

export const codec = {
  name: 'codec',
  title: 'encoding, decoding, electing, and the update after one remap',
  groups: () => [...[0, 100, 2048].map(whole), ...[0, 100, 2048].map(judged), ...[1, 100, 2048].map(oneMore)],
  plots: [
    { name: 'whole', title: 'Time of a whole copy', measure: 'time', groups: /^whole-/ },
    { name: 'judge', title: 'Time of judging five copies', measure: 'time', groups: /^judge-/ },
    {
      name: 'one-more',
      title: 'Time of one more remap in five copies',
      measure: 'time',
      groups: /^one-more-/,
    },
  ],
};

if (process.argv[1] === import.meta.filename) await main([codec], 'node bench/codec.mjs');
