// Room: cli, pure part. The completion script of bash. It needs nothing but bash: no bash-completion, and no dmremap
// while it completes.
import { type Completed, firstWords, generalFlags, type Place } from './completion.js';

export function bashCompletion(commands: readonly Completed[]): string {
  const groups = firstWords(commands);
  const values = commands.flatMap(({ words, options }) =>
    options.flatMap(({ flag, value }) => (value ? [[`${words.join(' ')} ${flag}`, value] as const] : [])),
  );
  const known = commands.flatMap(({ words: [first, second] }) =>
    second === undefined ? [` ${first}`] : [` ${first}`, `${first} ${second}`],
  );
  const operands = commands.flatMap(({ words, operands, repeats }) =>
    operands.map((place, at) => {
      const more = repeats && at === operands.length - 1;
      return [`${words.join(' ')} `, more ? `[${at}-9]*` : `${at}`, place] as const;
    }),
  );
  const seconds = [...groups].filter(([, members]) => members[0]?.words.length === 2);
  return `# bash completion of dmremap. To load it: source <(dmremap completion bash)
_dmremap() {
  local cur=\${COMP_WORDS[COMP_CWORD]} command= option= operands=0 ended= candidates= files= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    # --option=value comes as three words. What follows is a value, also where it could be left out.
    if [[ $word == = ]]; then option=\${option:-=}; continue; fi
    if [[ $option ]]; then
      option=
    elif [[ ! $ended && $word == -- ]]; then
      ended=yes
    elif [[ ! $ended && $word == -* ]]; then
      case "$command $word" in
${patterns(values.map(([name]) => name))}) option=$word ;;
      esac
    else
      case "$command $word" in
${patterns([...new Set(known)])}) command=\${command:+$command }$word ;;
        *) operands=$((operands + 1)) ;;
      esac
    fi
  done
  if [[ $cur == = ]]; then cur=; fi
  if [[ $option ]]; then
    case "$command $option" in
${values.flatMap(([name, place]) => arm(`'${name}'`, place)).join('\n')}
    esac
  elif [[ ! $ended && $cur == -* ]]; then
    case "$command" in
      '') candidates='${generalFlags.map(({ flag }) => flag).join(' ')}' ;;
${seconds.map(([first]) => `      '${first}') candidates='--help' ;;`).join('\n')}
${commands.map(({ words, options }) => `      '${words.join(' ')}') candidates='${options.map(({ flag }) => flag).join(' ')}' ;;`).join('\n')}
    esac
  else
    case "$command $operands" in
      ' 0') candidates='${[...groups.keys()].join(' ')}' ;;
${seconds.map(([first, members]) => `      '${first} 0') candidates='${members.map(({ words }) => words[1]).join(' ')}' ;;`).join('\n')}
${operands.flatMap(([name, at, place]) => arm(`'${name}'${at}`, place)).join('\n')}
    esac
  fi
  # Of files readline itself knows best: blanks, colons, ~.
  if [[ $files ]]; then return; fi
  compopt +o default +o bashdefault
  COMPREPLY=($(compgen -W "$candidates" -- "$cur"))
}
complete -o bashdefault -o default -F _dmremap dmremap
`;
}

const patterns = (names: readonly string[]): string =>
  names.map((name) => `        '${name}'`).join(' | \\\n');

function arm(pattern: string, { files, choices }: Place): string[] {
  if (files) return [`      ${pattern}) files=yes ;;`];
  return choices.length > 0 ? [`      ${pattern}) candidates='${choices.join(' ')}' ;;`] : [];
}
