/** What the page knows of a command: a row of the engine's table, with its documentation. */

/** One row of the table. */
export interface CommandRow {
  readonly name: string;
  /** Words of the whole call, the name included; negative: at least that many. */
  readonly arity: number;
  readonly flags: readonly string[];
  /** The position of the first key among the words of a call; 0: it names none. */
  readonly firstKey: number;
  readonly group: string;
  readonly since: string;
  readonly complexity: string;
  readonly syntax: string;
  readonly summary: string;
  /** Whether only a server runs it. */
  readonly serverOnly: boolean;
  readonly subcommands: readonly CommandRow[];
}
