// What every command promises, as a table: a row for each, and how it ends on what it may be given.
import { join } from 'node:path';

/** Exit bits by what the path is. */
interface Ends {
  /** A spare with a remap, all copies alike. */
  readonly healthy: number;
  readonly empty: number;
  /** The first 100,000 bytes of a spare. */
  readonly truncated: number;
  readonly noise: number;
  /** A healthy spare on a block device that takes no writes. */
  readonly readOnly: number;
  /** A healthy spare on a block device that somebody else holds. */
  readonly held: number;
}

export interface Row extends Ends {
  /** As in the table of commands, with what it is given beside the path. */
  readonly name: string;
  /** `reads`: it never opens the path for writing. `alone`: it takes no path. */
  readonly does: 'reads' | 'writes' | 'alone';
  /** Whether it has --json. */
  readonly json: boolean;
  readonly argv: (path: string, home: string) => readonly string[];
}

/** In `home`: a backup and a dump of the healthy spare, a table, and what a command has saved of it. */
export const savedFiles = {
  backup: 'healthy.backup',
  dump: 'healthy.json',
  table: 'healthy.csv',
  preimage: 'healthy.saved',
} as const;

type Argv = Row['argv'];
const row = (name: string, does: Row['does'], ends: readonly number[], argv: Argv, json = true): Row => {
  const [healthy = 0, empty = 0, truncated = 0, noise = 0, readOnly = 0, held = 0] = ends;
  return { name, does, json, argv, healthy, empty, truncated, noise, readOnly, held };
};

let files = 0;
const newFile = (home: string) => join(home, `new-${files++}`);
const backupOf = (home: string) => join(home, savedFiles.backup);

// biome-ignore format: a row is a line
export const promises: readonly Row[] = [
  //   name                    does      healthy empty truncated noise read-only held
  row('examine',              'reads',  [0,  0,  0,  0,  0,  0], (path) => ['examine', path]),
  row('check',                'reads',  [0,  4,  4,  4,  0,  0], (path) => ['check', path]),
  row('check --all, twice',   'reads',  [0,  4,  4,  4,  0,  0], (path) => ['check', '--all', path, path]),
  row('map',                  'reads',  [0,  0,  0,  0,  0,  0], (path) => ['map', path]),
  row('remap list',           'reads',  [0,  8,  8,  8,  0,  0], (path) => ['remap', 'list', path]),
  row('remap lookup',         'reads',  [0,  8,  8,  8,  0,  0], (path) => ['remap', 'lookup', path, '1000']),
  row('backup',               'reads',  [0,  4,  4,  4,  0,  0], (path, home) => ['backup', path, newFile(home)]),
  row('repair',               'reads',  [0,  4,  4,  4,  0,  0], (path) => ['repair', path]),
  row('repair --output',      'reads',  [0,  8,  8,  8,  0,  0], (path, home) => ['repair', '--output', newFile(home), path]),
  row('repair --ghosts',      'reads',  [0,  4,  4,  4,  0,  0], (path) => ['repair', '--ghosts', path]),
  row('relocate',             'reads',  [0,  4,  4,  4,  0,  0], (path) => ['relocate', path]),
  row('dump',                 'reads',  [0,  4,  4,  4,  0,  0], (path) => ['dump', path]),
  row('export',               'reads',  [0,  4,  4,  4,  0,  0], (path) => ['export', '--format=csv', path], false),
  row('doctor',               'reads',  [0,  0,  0,  0,  8,  8], (path) => ['doctor', path]),
  row('create',               'writes', [8,  8,  8,  8,  8,  8], (path) => ['create', '--main=16384', path]),
  row('create --force',       'writes', [8,  8,  8,  0,  8,  8], (path) => ['create', '--force', '--main=16384', path]),
  row('repair --apply',       'writes', [0,  8,  8,  8,  8,  8], (path) => ['repair', '--apply', path]),
  row('relocate --apply',     'writes', [0,  8,  8,  8,  8,  8], (path) => ['relocate', '--apply', path]),
  row('undo',                 'writes', [0,  8,  8,  8,  8,  8], (path, home) => ['undo', join(home, savedFiles.preimage), path]),
  row('restore --backup',     'writes', [0,  8,  8,  8,  8,  8], (path, home) => ['restore', '--backup', backupOf(home), path]),
  row('restore --force',      'writes', [0,  8,  8,  0,  8,  8], (path, home) => ['restore', '--force', '--backup', backupOf(home), path]),
  row('restore --dump',       'writes', [0,  8,  8,  8,  8,  8], (path, home) => ['restore', '--dump', join(home, savedFiles.dump), path]),
  row('handover',             'writes', [0,  8,  8,  8,  8,  8], (path) => ['handover', path]),
  row('handover --use',       'writes', [0,  16, 16, 16, 8,  8], (path) => ['handover', '--use', 'copy=0', path]),
  row('remap add',            'writes', [0,  8,  8,  8,  8,  8], (path) => ['remap', 'add', path, '5000']),
  row('remap import',         'writes', [0,  8,  8,  8,  8,  8], (path, home) => ['remap', 'import', path, join(home, savedFiles.table)]),
  row('remap remove',         'writes', [0,  8,  8,  8,  8,  8], (path) => ['remap', 'remove', path, '1000']),
  row('remap forget',         'writes', [0,  8,  8,  8,  8,  8], (path) => ['remap', 'forget', path]),
  row('completion',           'alone',  [0],                     () => ['completion', 'bash'], false),
];
