// Brings a fresh clone to where it can be run: Debian packages, npm packages, the native addon, the compiled library.
// What is done already is passed over. `--test` adds what only the tests need, `--bench` what the benchmarks, `--lint` what the
// linters, `--sanitize` or `--instructions` what the sanitizers or the count of instructions do. Plain Node, no packages.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { benchFolder, benchSources, buildBench } from './lib/bench-build.mjs';
import { buildFaults, buildNative, faultsFolder, hasLiburing, root } from './lib/native-build.mjs';
import { once } from './lib/steps.mjs';
import { buildStuck, hasLibfuse, stuckFolder } from './lib/stuck-build.mjs';

const onPath = (program) =>
  process.env.PATH.split(':').some((folder) => existsSync(`${folder || '.'}/${program}`));

const anywhere = (program) =>
  onPath(program) || existsSync(`/usr/sbin/${program}`) || existsSync(`/sbin/${program}`);

/** A Debian package, and how to see that what we need of it is there. */
const packages = [
  { name: 'liburing-dev', present: hasLiburing },
  { name: 'g++', present: () => onPath('g++') },
  { name: 'make', present: () => onPath('make') },
  { name: 'python3', present: () => onPath('python3') },
];
const forTests = process.argv.includes('--test');
// CI runs each benchmark too, and what they measure on hangs by the same helpers.
const forBench = forTests || process.argv.includes('--bench');
if (forBench) packages.push({ name: 'libfuse3-dev', present: hasLibfuse });
if (forTests) {
  packages.push(
    { name: 'mount', present: () => anywhere('losetup') },
    { name: 'e2fsprogs', present: () => anywhere('mkfs.ext4') },
    { name: 'fio', present: () => onPath('fio') },
    { name: 'strace', present: () => onPath('strace') },
    { name: 'groff-base', present: () => onPath('groff') },
    { name: 'bsdutils', present: () => onPath('script') },
    { name: 'zsh', present: () => onPath('zsh') },
    { name: 'fish', present: () => onPath('fish') },
  );
}
if (process.argv.includes('--sanitize') || process.argv.includes('--instructions'))
  packages.push({ name: 'valgrind', present: () => onPath('valgrind') });
if (process.argv.includes('--lint'))
  packages.push({ name: 'clang-format', present: () => onPath('clang-format') });

function run(what, command, arguments_, options = {}) {
  console.error(`dmremap setup: ${what}`);
  const { status, error } = spawnSync(command, arguments_, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    ...options,
  });
  if (status === 0) return;
  console.error(
    `dmremap setup: this failed: ${command} ${arguments_.join(' ')}${error ? ` (${error.message})` : ''}`,
  );
  process.exit(1);
}

const missing = packages.filter(({ present }) => !present()).map(({ name }) => name);
if (missing.length > 0) {
  if (!onPath('apt-get') || process.getuid() !== 0) {
    console.error(`dmremap setup: install these first, as root: apt-get install ${missing.join(' ')}`);
    process.exit(1);
  }
  const quiet = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  run('refreshing the package lists', 'apt-get', ['-qq', 'update'], quiet);
  const install = ['-qq', '-y', '--no-install-recommends', 'install', ...missing];
  run(`installing ${missing.join(', ')}`, 'apt-get', install, quiet);
}

once('npm', {
  inputs: ['package.json', 'package-lock.json', '.npmrc'],
  product: 'node_modules/typescript/bin/tsc',
  work: () => run('installing npm packages', 'npm', ['ci', '--ignore-scripts']),
});

once('native', {
  inputs: ['native', 'binding.gyp', 'package-lock.json', 'scripts/lib/native-build.mjs'],
  product: 'build/Release/dmremap.node',
  work: () => {
    console.error('dmremap setup: building the native addon');
    if (buildNative() !== 0) process.exit(1);
  },
});

once('lib', {
  inputs: ['lib', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'scripts/build-lib.mjs'],
  product: 'dist/index.js',
  work: () => run('compiling the library and the command', process.execPath, ['scripts/build-lib.mjs']),
});

if (forTests) {
  once('faults', {
    inputs: ['native', 'binding.gyp', 'package-lock.json', 'scripts/lib/native-build.mjs'],
    product: `${faultsFolder}/build/Release/dmremap.node`,
    work: () => {
      console.error('dmremap setup: building the addon whose calls fail to order');
      if (buildFaults() !== 0) process.exit(1);
    },
  });
}

if (forBench) {
  once('stuck', {
    inputs: ['test/stuck/native', 'scripts/lib/stuck-build.mjs', 'scripts/lib/c-build.mjs'],
    product: `${stuckFolder}/uring_write`,
    work: () => {
      console.error('dmremap setup: building the helpers that make devices hang');
      if (buildStuck() !== 0) process.exit(1);
    },
  });
  once('bench', {
    inputs: [benchSources, 'scripts/lib/bench-build.mjs', 'scripts/lib/c-build.mjs'],
    product: `${benchFolder}/writes`,
    work: () => {
      console.error('dmremap setup: building the programs that the benchmarks compare with');
      if (buildBench() !== 0) process.exit(1);
    },
  });
}
