// Room: cli. A document that a command is given: a regular file, or `-` for standard input. It is read up to the size that
// such a document can have and no further, and everything that is wrong with it is told.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { DmremapError } from '../../base/errors.js';
import { fileError } from '../../recovery/new-file.js';
import { DocumentError, type Problem, problemText } from '../../store/json/json-reader.js';
import type { Context } from '../context.js';
import { escapeMessage } from '../print/escape.js';
import { codeOf } from '../print/exit-status.js';
import { ExplainedError } from '../print/failure.js';
import { absolute } from './resolved-path.js';

/** More than 2048 entries with a mistake in each is nothing that anybody reads. */
const toldProblems = 4096;

/** What a document is called where it is told of. */
export const documentName = (file: string): string => (file === '-' ? 'standard input' : file);

/**
 * Reads a document. `use` gets its bytes: at most one more than `mostBytes`, which tells it that there are more.
 * @param waysOn lines about what lets a problem pass.
 * @throws ExplainedError with a line for each problem, where `use` throws a DocumentError.
 */
export async function readDocument<T>(
  context: Context,
  file: string,
  mostBytes: number,
  use: (bytes: Uint8Array) => T,
  waysOn: (problems: readonly Problem[]) => readonly string[] = () => [],
): Promise<T> {
  const bytes =
    file === '-' ? await fromStdin(context, mostBytes) : fromFile(absolute(context, file), file, mostBytes);
  try {
    return use(bytes);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    throw told(documentName(file), error, [...waysOn(error.problems), 'nothing was written']);
  }
}

/** The same error with all of its problems, and lines behind them. */
export function told(
  what: string,
  { code, problems }: DocumentError,
  end: readonly string[] = [],
): ExplainedError {
  const [first] = problems;
  if (problems.length === 1 && first !== undefined) {
    return new ExplainedError(code, `${what}: ${problemText(first)}`, end);
  }
  const more = problems.length - toldProblems;
  return new ExplainedError(code, `${what}: ${problems.length} things are wrong`, [
    ...problems.slice(0, toldProblems).map((problem) => escapeMessage(problemText(problem))),
    ...(more > 0 ? [`... and ${more} more`] : []),
    ...end,
  ]);
}

const notFound = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];

function failed(name: string, error: unknown): DmremapError {
  const { code, message, errno } = fileError(name, error);
  const said = message.startsWith(`${name}: `) ? message : `${name}: ${message}`;
  const isMissing = errno !== undefined && notFound.includes(errno);
  return new DmremapError(isMissing ? 'ERR_DEVICE_NOT_FOUND' : code, said, { errno, cause: error });
}

/** Not blocking: a FIFO that nobody writes to would keep us waiting where no signal can end it. */
function fromFile(path: string, name: string, mostBytes: number): Uint8Array {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(descriptor).isFile()) {
        throw new DmremapError('ERR_NOT_A_DEVICE', 'it is no regular file (- reads from standard input)');
      }
      const bytes = new Uint8Array(mostBytes + 1);
      let at = 0;
      for (let more = -1; more !== 0 && at < bytes.length; at += more) {
        more = readSync(descriptor, bytes, at, bytes.length - at, null);
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw failed(name, error);
  }
}

async function fromStdin({ stdin }: Context, mostBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stdin()) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > mostBytes) break;
    }
  } catch (error) {
    throw codeOf(error) === undefined ? failed(documentName('-'), error) : error;
  }
  return Buffer.concat(chunks).subarray(0, mostBytes + 1);
}
