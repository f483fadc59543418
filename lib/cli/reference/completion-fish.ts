// Room: cli, pure part. The completion script of fish.
import { type Completed, firstWords, generalFlags, type Place, summaryOf } from './completion.js';

export function fishCompletion(commands: readonly Completed[]): string {
  const groups = firstWords(commands);
  const lines = [
    ...generalFlags.map(({ flag, help }) => line('__dmremap_at "" 0', longOption(flag), help)),
    ...[...groups].map(([first, members]) => line('__dmremap_at "" 0', `-a ${first}`, summaryOf(members))),
  ];
  for (const [first, members] of groups) {
    if (members[0]?.words.length !== 2) continue;
    lines.push(line(`__dmremap_at ${first} 0`, longOption('--help'), 'print the help'));
    for (const {
      words: [, second],
      summary,
    } of members) {
      lines.push(line(`__dmremap_at ${first} 0`, `-a ${second}`, summary));
    }
  }
  for (const { words: typed, options, operands, repeats } of commands) {
    const at = `__dmremap_at "${typed.join(' ')}"`;
    for (const { flag, help, value } of options) {
      lines.push(line(at, `${longOption(flag)}${value ? takes(value) : ''}`, help));
    }
    operands.forEach((place, index) => {
      const last = repeats && index === operands.length - 1;
      const condition = `${at} ${index}${last ? ' or-more' : ''}`;
      if (place.files) lines.push(line(condition, '-F', place.name));
      if (place.choices.length > 0) lines.push(line(condition, words(place), place.name));
    });
  }
  const values = commands.flatMap(({ words: typed, options }) =>
    options.filter(({ value }) => value).map(({ flag }) => `"${typed.join(' ')} ${flag}"`),
  );
  const known = commands.flatMap(({ words: [first, second] }) =>
    second === undefined ? [`" ${first}"`] : [`" ${first}"`, `"${first} ${second}"`],
  );
  return `# fish completion of dmremap. To load it: dmremap completion fish | source

# Whether the line has come to this command and, if a number is given, to this operand of it.
function __dmremap_at
  set -l command ''
  set -l operands 0
  set -l value no
  set -l ended no
  for word in (commandline -opc)[2..-1]
    if test $value = yes
      set value no
    else if test $ended = no -a "$word" = --
      set ended yes
    else if test $ended = no; and string match -q -- '-*' $word
      if contains -- "$command $word" ${values.join(' ')}
        set value yes
      end
    else if contains -- "$command $word" ${[...new Set(known)].join(' ')}
      set command (string trim -- "$command $word")
    else
      set operands (math $operands + 1)
    end
  end
  test "$command" = "$argv[1]"; or return 1
  test (count $argv) -lt 2; and return 0
  test $operands -eq $argv[2]; and return 0
  test "$argv[3]" = or-more -a $operands -ge $argv[2]
end

complete -c dmremap -f
${lines.join('\n')}
`;
}

const line = (condition: string, what: string, help: string): string =>
  `complete -c dmremap -n ${quoted(condition)} ${what} -d ${quoted(help)}`;

const longOption = (flag: string): string => `-l ${flag.slice(2)}`;

const words = ({ choices }: Place): string => `-a ${quoted(choices.join(' '))}`;

/** An option's value: files, words that are fixed, or nothing that anybody knows. */
function takes(place: Place): string {
  if (place.files) return ' -r -F';
  return place.choices.length > 0 ? ` -x ${words(place)}` : ' -x';
}

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`;
