// The pages that show commands are run as they stand. A story begins with a comment that makes its devices, in bash; what stands in blocks
// of `console` behind it is typed in that order, in one shell, and what was printed stands below each command.
//
//   <!-- story NAME          and the commands that make it, with $STORIES for this folder
//   <!-- picture FILE -->    what `dmremap map --svg` draws at this point, beside the page
//   <!-- dies after N -->    in the next block dmremap is killed when N groups of durable writes have landed
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { LoopDevice } from '../support/scratch.js';

/** What is typed in one go: a block of commands, or a picture. */
export interface Block {
  /** Where its text stands in the page. */
  readonly start: number;
  readonly text: string;
  readonly commands: readonly string[];
  readonly diesAfter: string;
  /** The file that is drawn. */
  readonly picture: string | undefined;
}

export interface Story {
  readonly name: string;
  readonly setUp: string;
  readonly blocks: Block[];
}

const root = join(import.meta.dirname, '../..');

const piece =
  /<!-- story (\S+)\n([\s\S]*?)-->|<!-- picture (\S+) -->|<!-- dies after (\d+) -->|```console\n([\s\S]*?)```/g;

/** The stories of a page: name, set-up, and blocks of commands with the place of each block in the page. */
export function storiesOf(page: string): Story[] {
  const stories: Story[] = [];
  let diesAfter = '';
  for (const { 0: all, 1: name, 2: setUp = '', 3: picture, 4: dies, 5: block = '', index } of page.matchAll(
    piece,
  )) {
    if (name !== undefined) stories.push({ name, setUp, blocks: [] });
    else if (dies !== undefined) diesAfter = dies;
    else {
      const story = stories.at(-1);
      if (story === undefined) throw new Error(`before the first story: ${all}`);
      const commands = picture === undefined ? commandsOf(block) : ['dmremap map --svg spare.img'];
      const start = index + all.indexOf(block);
      story.blocks.push({ start, text: block, commands, diesAfter, picture });
      diesAfter = '';
    }
  }
  return stories;
}

//  A command goes on where its line ends in a backslash.
const commandsOf = (block: string): string[] =>
  [...block.matchAll(/^\$ ((?:.*\\\n)*.*)$/gm)].map(([, command = '']) => command);

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const diesFile = pathToFileURL(join(root, 'test/cli/dies-at-write.mjs')).href;

/**
 * Runs a story in a new folder below `parent`. Where there is an `attach`, the spare is the device that it makes of the
 * image. Returns the blocks as they would be printed now.
 */
export function runStory(story: Story, parent: string, attach?: (image: string) => LoopDevice): string[] {
  const home = mkdtempSync(join(parent, 'story-'));
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    STORIES: import.meta.dirname,
    LC_ALL: 'C',
    TZ: 'UTC',
    COLUMNS: '100',
  };
  const bash = (script: string) => {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
      cwd: home,
      env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${story.name}: the shell ended with ${status}: ${stderr}`);
    return stdout;
  };
  const node = quote(process.execPath);
  const main = quote(join(root, 'dist/cli/main.js'));
  const prelude = `dmremap() { ${node} \${DIES_AFTER:+--import ${diesFile}} ${main} "$@"; }`;
  //  What it saves is not of the story.
  bash(`set -e\nexport XDG_STATE_HOME=$HOME/set-up\n${prelude}\n${story.setUp}`);
  const device = attach?.(join(home, 'spare.img'));
  try {
    const lines = [
      prelude,
      //  Keeps the status for `echo $?`.
      `mark() { local status=$?; echo; echo "@@@$1"; return $status; }`,
    ];
    for (const { commands, diesAfter } of story.blocks) {
      lines.push(diesAfter === '' ? 'unset DIES_AFTER' : `export DIES_AFTER=${diesAfter}`, '(exit 0)');
      for (const command of commands) {
        const typed = device === undefined ? command : command.replaceAll(/\bspare\.img\b/g, device.path);
        lines.push('mark command', `{ ${typed}\n} 2>&1`);
      }
    }
    const outputs = bash(`${lines.join('\n')}\nexit 0`)
      .split(/\n?@@@command\n/)
      .slice(1);
    const printed = () => asPrinted(outputs.shift() ?? '', home, device?.path);
    return story.blocks.map(({ commands, picture }) =>
      picture === undefined ? commands.map((command) => `$ ${command}\n${printed()}`).join('') : printed(),
    );
  } finally {
    device?.detach();
    rmSync(home, { recursive: true, force: true });
  }
}

function asPrinted(output: string, home: string, device: string | undefined): string {
  const text = output.replaceAll(`${home}/`, '/root/').replaceAll(home, '/root');
  const named =
    device === undefined
      ? text
      : text.replaceAll(device, 'spare.img').replaceAll(basename(device), 'spare.img');
  //  The shell names the function; who types the command sees the end of it.
  const said = named.replace(/^.*: line \d+: +\d+ Killed .*$/m, 'Killed');
  return said === '' || said.endsWith('\n') ? said : `${said}\n`;
}

/** A page whose blocks hold what is printed now, and its pictures by their names. */
export function retold(page: string, parent: string) {
  const told = storiesOf(page).flatMap((story) => {
    const texts = runStory(story, parent);
    return story.blocks.map((block, at) => ({ ...block, now: texts[at] ?? '' }));
  });
  const pictures = told.flatMap(({ picture, now }) =>
    picture === undefined ? [] : [[picture, now] as const],
  );
  const text = told
    .filter(({ picture }) => picture === undefined)
    .reduceRight(
      (text, { start, text: { length }, now }) => text.slice(0, start) + now + text.slice(start + length),
      page,
    );
  return { text, pictures };
}

/** A block without what is of one run: times, ids, in which bytes these differ, and where a line of their width is broken. */
export const timeless = (text: string): string =>
  text
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?|\d{8}T\d{6}Z/g, 'TIME')
    .replace(/\b0x[0-9a-f]{8}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/g, 'ID')
    .replace(/\d+ of 84288 differ[\s\S]*?(?=\nBehind the structure)/, 'BYTES')
    .replace(/(-(?:seq\d+|noseq))-\d+\.img/g, '$1.img')
    .replace(/\s+/g, ' ');
