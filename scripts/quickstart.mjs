// The main job on two image files, step by step. Prints each command before it runs it, checks how it ended, and leaves
// the folder to whoever wants to go on by hand.
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';

/** A new folder on a file system that takes O_DIRECT: /tmp, or where that does not, the build folder. */
function newFolder() {
  for (const parent of [tmpdir(), join(root, 'build')]) {
    const folder = mkdtempSync(join(parent, 'dmremap-quickstart-'));
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT;
      closeSync(openSync(join(folder, 'main.img'), flags));
      return folder;
    } catch {
      rmSync(folder, { recursive: true });
    }
  }
  throw new Error('neither /tmp nor the build folder takes O_DIRECT');
}

const folder = newFolder();
const say = (text = '') => process.stdout.write(`${text}\n`);
const quote = (text) => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
// Backups go into the folder too: nothing of the quickstart stays anywhere else.
const environment = { ...process.env, XDG_STATE_HOME: join(folder, 'state') };
const prelude = `dmremap() { ${quote(process.execPath)} ${quote(join(root, 'dist/cli/main.js'))} "$@"; }`;
let steps = 0;
const wrong = [];

function step(title, command, expected = 0) {
  steps++;
  say(`\n# ${steps}. ${title}`);
  say(`$ ${command}`);
  const { status } = spawnSync('sh', ['-c', `${prelude}\n${command}`], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  say(`[exit status ${status}]`);
  if (status !== expected) wrong.push(`step ${steps} ended with ${status} instead of ${expected}`);
}

say('# To go on by hand afterwards, in any POSIX shell:');
say(`$ cd ${quote(folder)}`);
say(`$ export XDG_STATE_HOME=${quote(environment.XDG_STATE_HOME)}`);
say(`$ ${prelude}`);

step('A failing disk and its spare, as image files', 'truncate -s 64M main.img && truncate -s 16M spare.img');
step(
  'Create the metadata: five copies, durable one by one through io_uring',
  'dmremap create --main main.img spare.img',
);
step(
  'Remap four bad sectors, one of them to a chosen place, and commit',
  'dmremap remap add spare.img 1000 2001 3002 4003:5000',
);
step('Which copies are there, which one wins, and why', 'dmremap examine spare.img');
step('Is everything in order?', 'dmremap check spare.img');
step(
  'Damage two copies: copy 0 in its table, copy 3 in its header',
  'for sector in 2 768; do dd if=/dev/urandom of=spare.img bs=512 seek=$sector count=1 conv=notrunc status=none; done',
);
step('The check finds it: exit status 4, and three good copies are left', 'dmremap check spare.img', 4);
step('The table is still there', 'dmremap remap list spare.img');
step('What a repair would do: a plan, nothing is written', 'dmremap repair spare.img', 4);
step('Carry it out: exit status 1, repaired', 'dmremap repair --apply spare.img', 1);
step(
  'Regret it: the damage is back, byte for byte (exit status 4)',
  'dmremap undo "$(ls -t "$XDG_STATE_HOME"/dmremap/*.img | head -n 1)"',
  4,
);
step('And repair it again', 'dmremap repair --apply spare.img', 1);
step('And all is well', 'dmremap check spare.img');
step(
  'A commit that is aborted in the middle, and what is on the disk afterwards',
  `${quote(process.execPath)} ${quote(join(root, 'scripts/abort-a-commit.mjs'))} spare.img`,
);
step('What a reader finds now', 'dmremap examine spare.img');
step('The next commit writes all five copies again', 'dmremap remap add spare.img 5004');
step('Before the kernel module takes the spare: hand it over', 'dmremap handover spare.img');
step('All is well, and nothing is left to be recommended', 'dmremap check spare.img');

say(`\nThe images are in ${folder}; remove them with: rm -r ${quote(folder)}`);
for (const line of wrong) say(line);
say(wrong.length === 0 ? `quickstart: all ${steps} steps ended as they should` : 'quickstart: FAILED');
process.exitCode = wrong.length === 0 ? 0 : 1;
