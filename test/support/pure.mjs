// For the tests of the project `pure` (vitest.config.ts). They run once, whatever engines there are: so they must not move
// a byte by one, and neither must a process that they start.
process.dlopen = (_module, path) => {
  throw new Error(`a pure test loads ${path}: in vitest.config.ts it belongs to \`device\``);
};
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${import.meta.url}`;
