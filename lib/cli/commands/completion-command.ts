// Room: cli. `dmremap completion`: what a shell loads to complete our commands, made from their definitions.

import type { Command } from '../command.js';
import { exactOperands, UsageError } from '../options/args.js';
import { exitBits } from '../print/exit-status.js';
import { type Completed, completed } from '../reference/completion.js';
import { bashCompletion } from '../reference/completion-bash.js';
import { fishCompletion } from '../reference/completion-fish.js';
import { zshCompletion } from '../reference/completion-zsh.js';

const name = 'completion';

const scripts: Readonly<Record<string, (commands: readonly Completed[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `all` gives every command, this one too. */
export const completionCommand = (all: () => Promise<readonly Command[]>): Command => ({
  name,
  operands: 'bash|zsh|fish',
  summary: 'print what makes a shell complete commands, options, values',
  about: [
    'The script knows by itself what can be typed: dmremap is not run while you type, and no device is touched. It has',
    'to be loaded where your shell loads such things.',
  ],
  examples: [
    { command: 'source <(dmremap completion bash)', says: 'For bash, in ~/.bashrc:' },
    { command: 'dmremap completion zsh > _dmremap', says: 'For zsh, in a folder of its $fpath:' },
    {
      command: 'dmremap completion fish > ~/.config/fish/completions/dmremap.fish',
      says: 'For fish, which looks there by itself:',
    },
  ],
  options: {},
  async run(context, args) {
    const [shell = ''] = exactOperands(args, ['SHELL'], name);
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined) {
      throw new UsageError(`no such shell: '${shell}': one of ${Object.keys(scripts).join(', ')}`, name);
    }
    context.stdout.write(script((await all()).map(completed)));
    return exitBits.clean;
  },
});
