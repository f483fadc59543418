// The native part under the sanitizers, each with a build of its own: `npm run sanitize [-- asan|tsan|valgrind ...]`, all by
// default. asan is AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer at once.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './lib/native-build.mjs';

const folders = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The project once more, with an addon that is built with these flags; also the one whose calls fail, where `faulty`. */
function built(name, flags, faulty = false) {
  const folder = mkdtempSync(join(tmpdir(), `dmremap-${name}-`));
  folders.push(folder);
  for (const part of ['native', 'lib', 'test', 'dist', 'docs', 'scripts', 'binding.gyp', 'package.json'])
    cpSync(join(root, part), join(folder, part), { recursive: true });
  for (const file of ['vitest.config.ts', 'tsconfig.json', 'tsconfig.build.json'])
    cpSync(join(root, file), join(folder, file));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'build'));
  console.log(`${name}: building with ${flags}`);
  const environment = { CXXFLAGS: flags, LDFLAGS: flags };
  for (const options of [[], ...(faulty ? [['--faults', faultyFolder(folder)]] : [])]) {
    const status = run(folder, process.execPath, ['scripts/build-native.mjs', ...options], environment);
    if (status !== 0) throw new Error(`${name}: the build has failed`);
  }
  return folder;
}

const faultyFolder = (folder) => join(folder, 'build-faulty');

function run(folder, command, arguments_, environment) {
  const options = { cwd: folder, stdio: 'inherit', env: { ...process.env, ...environment } };
  return spawnSync(command, arguments_, options).status ?? 1;
}

/** A report, but of leaks only those whose memory we have allocated: what Node and V8 keep to the end is not ours to free. */
function ofOurs(report) {
  if (!report.includes('LeakSanitizer')) return report;
  const allocators = /\b(operator new|malloc|calloc|realloc|posix_memalign|aligned_alloc)\b/;
  const isOurs = (leak) => {
    const frames = leak.split('\n').filter((line) => /^\s*#\d/.test(line) && !allocators.test(line));
    return /leak of/.test(leak) && /dmremap\.node|\/native\//.test(frames[0] ?? '');
  };
  return report.split('\n\n').filter(isOurs).join('\n\n');
}

/**
 * Runs the tests with the runtime of a sanitizer. Its reports go to files: who runs the tests hears nothing of what a process
 * of theirs says, or exits with, at its end.
 */
function vitest(folder, files, environment) {
  const status = run(
    folder,
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', ...files],
    environment,
  );
  const reports = readdirSync(folder)
    .filter((name) => name.startsWith('report.'))
    .map((name) => ofOurs(readFileSync(join(folder, name), 'utf8')))
    .filter((text) => text !== '');
  for (const text of reports.slice(0, 5)) console.log(text);
  if (reports.length > 0) console.log(`${reports.length} processes have something to report`);
  return status !== 0 || reports.length > 0 ? 1 : 0;
}

const runtime = (library) =>
  spawnSync('g++', [`-print-file-name=${library}`], { encoding: 'utf8' }).stdout.trim();

const tools = {
  asan() {
    const flags =
      '-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1';
    const folder = built('asan', flags, true);
    const files = ['workers', 'commit-abort'].map((name) => `test/store/${name}.test.ts`);
    return vitest(folder, ['test/device', 'test/faults/faults.test.ts', ...files], {
      DMREMAP_FAULTY_ADDON: join(faultyFolder(folder), 'build/Release/dmremap.node'),
      LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
      ASAN_OPTIONS: `detect_leaks=1:fast_unwind_on_malloc=0:malloc_context_size=12:halt_on_error=1:log_path=${folder}/report`,
      // A leak of Node's must not change what a child of a test ends with: reports are read, see above.
      LSAN_OPTIONS: 'exitcode=0',
      UBSAN_OPTIONS: `print_stacktrace=1:log_path=${folder}/report`,
    });
  },

  tsan() {
    const folder = built('tsan', '-fsanitize=thread -fno-omit-frame-pointer -g -O1');
    // Those without programs of their own: such a program would be preloaded too.
    const files = ['contract', 'aborts', 'fence'].map((name) => `test/device/${name}.test.ts`);
    const statuses = ['io_uring', 'libaio', 'threads'].map((engine) =>
      vitest(folder, [...files, 'test/store/workers.test.ts'], {
        DMREMAP_ENGINE: engine,
        LD_PRELOAD: runtime('libtsan.so'),
        // Node is not built with it: only what our code does is looked at.
        TSAN_OPTIONS: `ignore_noninstrumented_modules=1:log_path=${folder}/report`,
      }),
    );
    return Math.max(...statuses);
  },

  valgrind() {
    const folder = built('valgrind', '-g -O1');
    // The static libstdc++ is not seen by it, so new and free look like no pair.
    const options = ['--error-exitcode=9', '--show-mismatched-frees=no', '--num-callers=20', '--quiet'];
    const script = ['test/fixtures/exercise.mjs', join(folder, 'dist/index.js'), join(folder, 'image')];
    return run(folder, 'valgrind', [...options, process.execPath, ...script], {});
  },
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(tools, name));
if (unknown.length > 0) {
  console.error(`sanitize: there is no ${unknown.join(', ')}: ${Object.keys(tools).join(', ')}`);
  process.exit(16);
}
const failed = (asked.length > 0 ? asked : Object.keys(tools)).filter((name) => {
  const status = tools[name]();
  console.log(`${name}: ${status === 0 ? 'clean' : `FAILED (${status})`}`);
  return status !== 0;
});
console.log(failed.length === 0 ? 'sanitize: clean' : `sanitize: FAILED: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
