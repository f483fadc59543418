// Room: cli, pure part. The completion script of zsh: a function for compinit's $fpath that can be sourced too.

import { shellQuote } from '../print/escape.js';
import {
  type Completed,
  firstWords,
  generalFlags,
  type OptionPlace,
  type Place,
  summaryOf,
} from './completion.js';

export function zshCompletion(commands: readonly Completed[]): string {
  const groups = [...firstWords(commands)];
  const nested = groups.filter(([, members]) => members[0]?.words.length === 2);
  return `#compdef dmremap
# zsh completion of dmremap. Put it into a folder of $fpath as _dmremap, or: source <(dmremap completion zsh)
_dmremap() {
  local curcontext=$curcontext state line
  local -A opt_args
  _arguments -C -S ${generalFlags.map(({ flag, help }) => shellQuote(`(- : *)${flag}[${explained(help)}]`)).join(' ')} \\
    '1:command:->command' '*::argument:->arguments'
  case $state in
    command)
      local -a commands=(
${groups.map(([first, members]) => `        ${shellQuote(`${first}:${summaryOf(members)}`)}`).join('\n')}
      )
      _describe command commands ;;
    arguments)
      case $words[1] in
${groups.map(([first]) => `        ${first}) _dmremap_${first} ;;`).join('\n')}
      esac ;;
  esac
}
${nested.map(([first, members]) => group(first, members)).join('')}
${commands.map(own).join('')}
compdef _dmremap dmremap
if [[ $funcstack[1] == _dmremap ]]; then _dmremap "$@"; fi
`;
}

const group = (first: string, members: readonly Completed[]): string => `
_dmremap_${first}() {
  local curcontext=$curcontext state line
  local -A opt_args
  _arguments -C -S '(- : *)--help[print the help]' '1:command:->command' '*::argument:->arguments'
  case $state in
    command)
      local -a commands=(
${members.map(({ words, summary }) => `        ${shellQuote(`${words[1]}:${summary}`)}`).join('\n')}
      )
      _describe command commands ;;
    arguments)
      case $words[1] in
${members.map(({ words }) => `        ${words[1]}) _dmremap_${words.join('_')} ;;`).join('\n')}
      esac ;;
  esac
}
`;

function own({ words, options, operands, repeats }: Completed): string {
  const specs = [
    ...options.map(optionSpec),
    ...operands.map((place, at) => {
      const more = repeats && at === operands.length - 1;
      return `${more ? '*' : at + 1}:${titled(place)}:${action(place)}`;
    }),
  ];
  return `
_dmremap_${words.join('_')}() {
  _arguments -S \\
${specs.map((spec) => `    ${shellQuote(spec)}`).join(' \\\n')}
}
`;
}

function optionSpec({ flag, help, value, attached }: OptionPlace): string {
  const says = `[${explained(help)}]`;
  if (value !== undefined) return `${flag}=${says}:${titled(value)}:${action(value)}`;
  //  Only behind the equals sign, and it need not be there.
  if (attached !== undefined) return `${flag}=-${says}::${titled(attached)}:${action(attached)}`;
  return `${flag === '--help' ? '(- : *)' : ''}${flag}${says}`;
}

//  A blank: nothing to offer, and no files either.
const action = ({ files, choices }: Place): string =>
  files ? '_files' : choices.length > 0 ? `(${choices.join(' ')})` : ' ';

//  A bracket ends an explanation, a colon a title.
const explained = (text: string): string => text.replace(/[[\]\\]/g, '\\$&');
const titled = ({ name }: Place): string => name.replaceAll(':', '\\:');
