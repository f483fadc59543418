// Room: cli.
/** Where text goes. Never throws: a reader that went away is main's business. */
export interface Sink {
  write(text: string): void;
  readonly isTTY: boolean;
  /** The width of the terminal; undefined where there is none, or where it is not known. */
  readonly columns?: number | undefined;
}

/** The terminal, or what is there instead, as text for people needs to know it. */
export interface Surface {
  readonly stdout: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
}
