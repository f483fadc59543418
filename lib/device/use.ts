/** `free`: all of it could be asked, and nobody was found. `unknown`: nobody was found, and not all could be asked. */
export interface InUse {
  readonly state: 'free' | 'held' | 'unknown';
  /** A clause about who it is; null unless it is held. */
  readonly by: string | null;
}

export const unknownUse: InUse = { state: 'unknown', by: null };
