// An SVG document, taken apart.
import { expect } from 'vitest';

/** The names of the elements; fails where the document is not well-formed. */
export function tagsOf(svg: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  const rest = svg
    .replace(/<!\[CDATA\[[\s\S]*?\]\]>/g, '')
    .replace(/<(\/?)([a-z]+)((?: [\w:-]+="[^"<&]*")*) ?(\/?)>/g, (_, ends, name, _attributes, empty) => {
      if (ends === '/') expect(open.pop()).toBe(name);
      else {
        names.push(name);
        if (empty === '') open.push(name);
      }
      return '';
    });
  expect(open).toEqual([]);
  expect(names[0]).toBe('svg');
  expect(rest.replace(/&(#\d+|lt|gt|amp|quot);/g, '')).not.toMatch(/[<>&]/);
  return names;
}
