// The completion scripts in the shells that they are for: somebody types, presses TAB and Enter, and what the shell then
// runs is what counts.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { allCommands } from '../../lib/cli/commands.js';
import { completed } from '../../lib/cli/reference/completion.js';
import { scratchFolder } from '../support/scratch.js';
import { dmremap } from './harness.js';

const folder = scratchFolder();
mkdirSync(join(folder, 'disks'));
for (const name of ['spare.img', 'it has: blanks', 'disks/main.img']) writeFileSync(join(folder, name), '');
//  Where it is missing, fish makes it in the background from all manual pages there are.
mkdirSync(join(folder, '.local/share/fish/generated_completions'), { recursive: true });

/** How each shell is started without anybody's settings, what loads the script, and a dmremap that tells its arguments. */
const shells = {
  bash: {
    start: 'bash --norc --noprofile -i',
    load: 'source ./bash.script',
    tell: `dmremap() { printf '<%s>' "$@"; echo '!'; }`,
  },
  zsh: {
    start: 'zsh -f -i',
    load: 'autoload -Uz compinit; compinit -u -D; source ./zsh.script',
    tell: `dmremap() { printf '<%s>' "$@"; echo '!'; }`,
  },
  fish: {
    start: 'fish --private -i',
    load: 'source ./fish.script',
    tell: `function dmremap; printf '<%s>' $argv; echo '!'; end`,
  },
} as const;
type Shell = keyof typeof shells;

/** What the shell runs for each line when TAB is pressed at its end. */
async function typed(shell: Shell, lines: readonly string[]): Promise<string[]> {
  const { start, load, tell } = shells[shell];
  const { stdout: script } = await dmremap(folder, ['completion', shell]);
  writeFileSync(join(folder, `${shell}.script`), script);
  const env = { PATH: process.env.PATH, HOME: folder, TERM: 'dumb', LC_ALL: 'C.UTF-8' };
  //  script(1) gives it a terminal: without one a shell completes nothing.
  const child = spawn('script', ['-qec', start, '/dev/null'], { cwd: folder, env });
  onTestFinished(() => {
    child.kill();
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  let seen = '';
  let heard = () => {};
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    heard();
  });
  const told = async (pattern: RegExp): Promise<string> => {
    const match = new Promise<string>((resolve) => {
      heard = () => {
        const found = pattern.exec(seen);
        if (found === null) return;
        seen = seen.slice(found.index + found[0].length);
        resolve(found[1] ?? '');
      };
      heard();
    });
    const end = ended.then(() => Promise.reject(new Error(`${shell} has ended: ${seen}`)));
    return Promise.race([match, end]);
  };
  try {
    child.stdin.write(`${tell}\n${load}\ndmremap ready\n`);
    await told(/<ready>!/);
    const ran: string[] = [];
    for (const line of lines) {
      child.stdin.write(`${line}\t\n`);
      ran.push(await told(/((?:<[^<>\r\n]*>)+)!/));
    }
    return ran;
  } finally {
    child.stdin.end('exit\n');
    await ended;
  }
}

//  What is typed, and what runs. A line that nothing completes runs as it is.
const rows: readonly [line: string, runs: string][] = [
  ['dmremap exa', '<examine>'],
  ['dmremap compl', '<completion>'],
  ['dmremap rem', '<remap>'],
  ['dmremap --ver', '<--version>'],
  ['dmremap remap loo', '<remap><lookup>'],
  ['dmremap completion fi', '<completion><fish>'],
  ['dmremap examine --geom', '<examine><--geometry>'],
  ['dmremap examine --geometry doc', '<examine><--geometry><documented>'],
  ['dmremap examine --geometry=doc', '<examine><--geometry=documented>'],
  ['dmremap remap add --allow-s', '<remap><add><--allow-single-copy>'],
  ['dmremap examine spa', '<examine><spare.img>'],
  ['dmremap examine it', '<examine><it has: blanks>'],
  ['dmremap check --now 5 --all spa', '<check><--now><5><--all><spare.img>'],
  ['dmremap doctor spa', '<doctor><spare.img>'],
  //  A value that can be left out.
  ['dmremap examine --compare spa', '<examine><--compare><spare.img>'],
  ['dmremap examine --compare=1,3 spa', '<examine><--compare=1,3><spare.img>'],
  ['dmremap examine --compare=1,3 --expl', '<examine><--compare=1,3><--explain>'],
  ['dmremap examine -- spa', '<examine><--><spare.img>'],
  ['dmremap create --backup spa', '<create><--backup><spare.img>'],
  ['dmremap create --main disks/ma', '<create><--main><disks/main.img>'],
  //  No place for a file, for a command or for an option.
  ['dmremap spa', '<spa>'],
  ['dmremap examine spare.img spa', '<examine><spare.img><spa>'],
  ['dmremap remap add spare.img spa', '<remap><add><spare.img><spa>'],
  ['dmremap remap add spare.img 5 spa', '<remap><add><spare.img><5><spa>'],
  ['dmremap create --timeout spa', '<create><--timeout><spa>'],
  ['dmremap check exa', '<check><exa>'],
  ['dmremap check --rewr', '<check><--rewr>'],
  ['dmremap examine -- --jso', '<examine><--><--jso>'],
];

describe.each(Object.keys(shells) as Shell[])('%s', (shell) => {
  test('completes what can be typed there, and nothing else', async () => {
    const ran = await typed(
      shell,
      rows.map(([line]) => line),
    );
    expect(Object.fromEntries(rows.map(([line], at) => [line, ran[at]]))).toEqual(Object.fromEntries(rows));
  });

  test('every command and every option of it can be completed', async () => {
    const lines: string[] = [];
    for (const { words, options } of (await allCommands()).map(completed)) {
      const command = words.join(' ');
      lines.push(`dmremap ${command}`, ...options.map(({ flag }) => `dmremap ${command} ${flag}`));
    }
    //  The last letter is left to the shell; what another begins with too is not unique, and not asked for.
    const begun = lines.filter((line) => !lines.some((other) => other !== line && other.startsWith(line)));
    const asked = begun.filter(
      (line) => lines.filter((other) => other.startsWith(line.slice(0, -1))).length === 1,
    );
    const ran = await typed(
      shell,
      asked.map((line) => line.slice(0, -1)),
    );
    expect(ran).toEqual(
      asked.map((line) =>
        line
          .split(' ')
          .slice(1)
          .map((word) => `<${word}>`)
          .join(''),
      ),
    );
    expect(asked.length).toBeGreaterThan(50);
  });
});
