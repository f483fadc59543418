// Room: cli. Every command by the words that are typed, in the order of the help. A row costs nothing until its command
// is asked for: what a command needs is loaded with it, and for it alone.
import type { Command, CommandTable } from './command.js';

export const commands: CommandTable = {
  examine: async () => (await import('./commands/examine-command.js')).examineCommand,
  check: async () => (await import('./commands/check-command.js')).checkCommand,
  map: async () => (await import('./commands/map-command.js')).mapCommand,
  create: async () => (await import('./commands/create-command.js')).createCommand,
  repair: async () => (await import('./commands/repair-command.js')).repairCommand,
  relocate: async () => (await import('./commands/relocate-command.js')).relocateCommand,
  undo: async () => (await import('./commands/undo-command.js')).undoCommand,
  backup: async () => (await import('./commands/backup-command.js')).backupCommand,
  restore: async () => (await import('./commands/restore-command.js')).restoreCommand,
  dump: async () => (await import('./commands/dump-command.js')).dumpCommand,
  export: async () => (await import('./commands/export-command.js')).exportCommand,
  handover: async () => (await import('./commands/handover-command.js')).handoverCommand,
  'remap list': async () => (await import('./commands/remap-list-command.js')).remapListCommand,
  'remap lookup': async () => (await import('./commands/remap-lookup-command.js')).remapLookupCommand,
  'remap add': async () => (await import('./commands/remap-add-command.js')).remapAddCommand,
  'remap remove': async () => (await import('./commands/remap-remove-command.js')).remapRemoveCommand,
  'remap forget': async () => (await import('./commands/remap-forget-command.js')).remapForgetCommand,
  'remap import': async () => (await import('./commands/remap-import-command.js')).remapImportCommand,
  doctor: async () => (await import('./commands/doctor-command.js')).doctorCommand,
  completion: async () => (await import('./commands/completion-command.js')).completionCommand(allCommands),
};

/** All of them, loaded: for what tells of every command. */
export const allCommands = (): Promise<Command[]> =>
  Promise.all(Object.values(commands).map((load) => load()));
