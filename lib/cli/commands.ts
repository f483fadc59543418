// Room: cli. Every command by the words that are typed, in the order of the help. A row costs nothing until its command
// is asked for: what a command needs is loaded with it, and for it alone.
import type { Command, CommandTable } from './command.js';

export const commands: CommandTable = {
  examine: async () => (await import('./examine-command.js')).examineCommand,
  check: async () => (await import('./check-command.js')).checkCommand,
  map: async () => (await import('./map-command.js')).mapCommand,
  create: async () => (await import('./create-command.js')).createCommand,
  repair: async () => (await import('./repair-command.js')).repairCommand,
  relocate: async () => (await import('./relocate-command.js')).relocateCommand,
  undo: async () => (await import('./undo-command.js')).undoCommand,
  backup: async () => (await import('./backup-command.js')).backupCommand,
  restore: async () => (await import('./restore-command.js')).restoreCommand,
  dump: async () => (await import('./dump-command.js')).dumpCommand,
  export: async () => (await import('./export-command.js')).exportCommand,
  handover: async () => (await import('./handover-command.js')).handoverCommand,
  'remap list': async () => (await import('./remap-list-command.js')).remapListCommand,
  'remap lookup': async () => (await import('./remap-lookup-command.js')).remapLookupCommand,
  'remap add': async () => (await import('./remap-add-command.js')).remapAddCommand,
  'remap remove': async () => (await import('./remap-remove-command.js')).remapRemoveCommand,
  'remap forget': async () => (await import('./remap-forget-command.js')).remapForgetCommand,
  'remap import': async () => (await import('./remap-import-command.js')).remapImportCommand,
  doctor: async () => (await import('./doctor-command.js')).doctorCommand,
  completion: async () => (await import('./completion-command.js')).completionCommand(allCommands),
};

/** All of them, loaded: for what tells of every command. */
export const allCommands = (): Promise<Command[]> =>
  Promise.all(Object.values(commands).map((load) => load()));
