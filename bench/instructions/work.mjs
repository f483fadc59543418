// Room: bench. A process whose instructions are counted: passes of a side to warm up, and as many again between two marks. argv: the
// module that exports `sides`, the name of the side, its parameters as JSON, the passes. It says how many operations a pass has.
const [module, name, parameters, passes] = process.argv.slice(2);
const { sides } = await import(module);
const { pass, operations, stop } = await sides[name](JSON.parse(parameters));

async function run() {
  for (let left = Number(passes); left > 0; left--) {
    const done = pass();
    if (done instanceof Promise) await done;
  }
  // The mark: who asks for the parent gets it from a function of libuv that nothing else calls (callgrind.mjs).
  return process.ppid;
}

await run();
await run();
await stop?.();
console.log(operations);
