// Room: bench, pure part. What callgrind writes: https://valgrind.org/docs/manual/cl-format.html. Of the lines of a function those with
// a position and a number count; one behind `calls=` is what another function did, which has lines of its own.

/**
 * @param of the name of the file whose instructions count, without its folder; 'process': all of them.
 * @throws Error where the profile knows no such file: a count of zero would be no count.
 */
export function instructionsIn(profile, of) {
  const names = new Map();
  const counts = new Map();
  let object;
  let isCall = false;
  for (const line of profile.split('\n')) {
    const [, kind, number, name] = /^(c?ob)=\((\d+)\)(?: (.*))?$/.exec(line) ?? [];
    if (name !== undefined) names.set(number, name.split('/').at(-1));
    if (kind === 'ob') object = number;
    if (line.startsWith('calls=')) isCall = true;
    const [, count] = /^[+*-]?\d* (\d+)$/.exec(line) ?? [];
    if (count === undefined) continue;
    if (!isCall) counts.set(object, (counts.get(object) ?? 0) + Number(count));
    isCall = false;
  }
  const counted = [...counts].filter(([number]) => of === 'process' || names.get(number) === of);
  if (counted.length === 0) throw new Error(`callgrind has seen nothing of ${of}`);
  return counted.reduce((sum, [, count]) => sum + count, 0);
}
