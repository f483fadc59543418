// Room: cli. What another program takes a device for, beside the built-in table of marks.
import type { Report } from '../../store/examine/examine.js';
import { copyLint } from '../../store/examine/lint.js';
import { sentence } from '../../store/table/phrases.js';
import type { Context } from '../context.js';
import { absolute } from './resolved-path.js';

/** A report of `path` itself, with what blkid says where the table of marks knows nothing. */
export async function withProbe(context: Context, path: string, report: Report): Promise<Report> {
  const { strangers, copies } = report;
  if (context.probe === undefined || strangers.marks.length > 0) return report;
  //  Where the first copy is whole, or what is left of one, blkid could see nothing but our own data.
  const [first] = copies;
  const isOverwritten = first?.slot.state === 'damaged' && first.slot.damage.fault === 'magic';
  if (report.elections.ours !== null && !isOverwritten) return report;
  const told = await context.probe(absolute(context, path), context.signal);
  if (told === undefined) return report;
  const lint = copyLint('foreign-signature', [], sentence(`the device holds ${told}`));
  return { ...report, strangers: { ...strangers, told: [told] }, lints: [...report.lints, lint] };
}
