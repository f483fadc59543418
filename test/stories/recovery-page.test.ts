// Each story of docs/recovery.md, through the real binary: on an image, and on a loop device over it. `npm run stories` has
// it write the page with what is printed now.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loopDevice, scratchFolder, whyNoLoop } from '../support/scratch.js';
import { retold, runStory, storiesOf, timeless } from './stories.js';

const folder = scratchFolder();
const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const file = join(docs, 'recovery.md');
const told = readFileSync(file, 'utf8');
const page = process.env.DMREMAP_STORIES === 'write' ? rewritten(told) : told;
const stories = storiesOf(page);
const skipped = whyNoLoop();
if (skipped !== undefined) console.warn(`skipped: ${skipped}`);

test('has a story for each way to lose a table', () => {
  expect(stories.map(({ name }) => name)).toEqual([
    'clock',
    'foreign',
    'all-damaged',
    'torn',
    'fork',
    'regression',
    'emptied',
    'dying',
    'wrong-main',
    'regretted',
    'killed',
    'data-inside',
  ]);
});

describe.each(stories)('$name', (story) => {
  const promised = story.blocks.map(({ text, picture }) =>
    timeless(picture === undefined ? text : readFileSync(join(docs, picture), 'utf8')),
  );

  test('on an image', () => {
    expect(runStory(story, folder).map(timeless)).toEqual(promised);
  });

  test.skipIf(skipped !== undefined)('on a block device', () => {
    expect(runStory(story, folder, loopDevice).map(timeless)).toEqual(promised);
  });
});

function rewritten(page: string): string {
  const { text, pictures } = retold(page, folder);
  writeFileSync(file, text);
  for (const [name, picture] of pictures) {
    mkdirSync(dirname(join(docs, name)), { recursive: true });
    writeFileSync(join(docs, name), picture);
  }
  return text;
}
