// Each story of the pages, through the real binary: on an image, and on a loop device over it. `npm run stories` has it
// write the pages with what is printed now.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { loopDevice, scratchFolder, whyNoLoop } from '../support/scratch.js';
import { isFull, share } from '../support/tier.js';
import { retold, runStory, storiesOf, timeless } from './stories.js';

const folder = scratchFolder();
const root = fileURLToPath(new URL('../..', import.meta.url));
const stories = ['README.md', 'docs/recovery.md'].flatMap((name) => {
  const file = join(root, name);
  const page = process.env.DMREMAP_STORIES === 'write' ? rewritten(file) : readFileSync(file, 'utf8');
  return storiesOf(page).map((story) => ({ ...story, folderOfPage: dirname(file) }));
});
const skipped = whyNoLoop();
if (skipped !== undefined) console.warn(`skipped: ${skipped}`);

test('has a story for each way to lose a table', () => {
  expect(stories.map(({ name }) => name)).toEqual([
    'first-look',
    'clock',
    'wipe-cut',
    'wipe-half',
    'wipe-done',
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

describe.each(share(stories, 5))('$name', (story) => {
  const promised = story.blocks.map(({ text, picture }) =>
    timeless(picture === undefined ? text : readFileSync(join(story.folderOfPage, picture), 'utf8')),
  );

  test('on an image', () => {
    expect(runStory(story, folder).map(timeless)).toEqual(promised);
  });

  //  Of some stories: they differ in what the device is, not in what is said.
  if (!isFull && story.name !== 'first-look') return;
  test.skipIf(skipped !== undefined)('on a block device', () => {
    expect(runStory(story, folder, loopDevice).map(timeless)).toEqual(promised);
  });
});

function rewritten(file: string): string {
  const { text, pictures } = retold(readFileSync(file, 'utf8'), folder);
  writeFileSync(file, text);
  for (const [name, picture] of pictures) {
    const place = join(dirname(file), name);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, picture);
  }
  return text;
}
