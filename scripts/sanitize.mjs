// The native part under AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer: builds it in a folder of its own
// and runs the tests of the device and of its teardown against that build.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';

const folder = mkdtempSync(join(tmpdir(), 'dmremap-sanitize-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const name of ['native', 'lib', 'test', 'dist', 'docs', 'scripts', 'binding.gyp', 'package.json']) {
  cpSync(join(root, name), join(folder, name), { recursive: true });
}
for (const name of ['vitest.config.ts', 'tsconfig.json', 'tsconfig.build.json'])
  cpSync(join(root, name), join(folder, name));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
mkdirSync(join(folder, 'build'), { recursive: true });

function run(command, arguments_, environment) {
  const options = { cwd: folder, stdio: 'inherit', env: { ...process.env, ...environment } };
  return spawnSync(command, arguments_, options).status ?? 1;
}

const flags = '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1';
const runtime = (library) =>
  spawnSync('g++', [`-print-file-name=${library}`], { encoding: 'utf8' }).stdout.trim();

console.log('sanitize: building with', flags);
const built = run(process.execPath, ['scripts/build-native.mjs'], {
  CXXFLAGS: flags,
  LDFLAGS: '-fsanitize=address,undefined',
});
// What Node and V8 keep until the process ends is not ours to free.
const suppressions = join(folder, 'leaks.txt');
writeFileSync(
  suppressions,
  ['node::', 'v8::', 'uv_', 'napi_', 'bin/node'].map((name) => `leak:${name}`).join('\n'),
);
const files = ['test/device', 'test/store/workers.test.ts', 'test/store/commit-abort.test.ts'];
const status =
  built !== 0
    ? built
    : run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...files], {
        LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
        ASAN_OPTIONS: 'detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=12:halt_on_error=1',
        LSAN_OPTIONS: `suppressions=${suppressions}:print_suppressions=0`,
        UBSAN_OPTIONS: 'print_stacktrace=1',
      });
console.log(status === 0 ? 'sanitize: clean' : 'sanitize: FAILED');
process.exitCode = status === 0 ? 0 : 1;
