// Room: store, pure part. A comparison as the field `comparison` of the document dmremap.examine/1.
import type { Comparison, EntriesDifference, PlacedEntry } from '../examine/compare.js';
import { toEntryJson } from './entry-json.js';

/** The field, ready for JSON.stringify. */
export const toComparisonJson = ({ copies, left, groups, differences, slack }: Comparison) => ({
  copies: [...copies],
  left: left.map((one) => ({ ...one })),
  groups: groups.map((group) => ({ copies: [...group.copies], identical: group.identical })),
  differences: differences.map(({ a, b, fields, entries, ghosts, ranges, differingBytes }) => ({
    a,
    b,
    fields: fields.map((field) => ({ ...field })),
    entries: entriesJson(entries),
    ghosts: entriesJson(ghosts),
    ranges: ranges.map((range) => ({ ...range, fields: [...range.fields] })),
    differingBytes,
  })),
  slack: {
    groups: slack.groups.map((group) => ({ copies: [...group.copies], zero: group.zero })),
    differences: slack.differences.map(({ a, b, ranges }) => ({
      a,
      b,
      ranges: ranges.map((range) => ({ ...range })),
    })),
  },
});

const entriesJson = ({ differences, moved }: EntriesDifference) => ({
  differences: differences.map(({ a, b, fields }) => ({
    a: entryJson(a),
    b: entryJson(b),
    fields: [...fields],
  })),
  moved,
});

const entryJson = (entry: PlacedEntry | null) => entry && { index: entry.index, ...toEntryJson(entry) };
