// npm run man: writes the manual pages into man/, from the definitions of the commands.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './lib/native-build.mjs';

// The definitions are TypeScript, and dist/ has them only inside of the command.
const file = join(root, 'node_modules/.cache/dmremap/man.cjs');
const bundle = await rolldown({
  input: join(root, 'lib/cli/reference/man.ts'),
  platform: 'node',
  transform: { target: 'node20' },
});
await bundle.write({ file, format: 'cjs', codeSplitting: false });
await bundle.close();

const packageFile = join(root, 'package.json');
const { manPages } = createRequire(packageFile)(file);
const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));
const folder = join(root, 'man');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const pages = await manPages(version);
for (const [name, text] of pages) writeFileSync(join(folder, name), text);
console.log(`man: ${pages.size} pages`);
