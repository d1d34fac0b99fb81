/** What a program sees of a replica besides its own methods: the commands, what a transaction queues, the events. */

import type { CommandMethods } from './commands.gen.js';
import type { Arg, Args } from './crossing.js';
import type { SanderlingError } from './errors.js';
import type { Reply } from './reply.js';
import type { Status } from './status.js';

/** Bytes as replies carry them. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The commands, with arguments in every form that is understood; `V` is what a string in a reply is. */
export type Commands<V> = CommandMethods<Args, V> & {
  hset(key: Arg, fields: ReadonlyMap<Arg, Arg> | { readonly [field: string]: Arg }): number;
  mset(pairs: ReadonlyMap<Arg, Arg> | { readonly [key: string]: Arg }): 'OK';
  msetnx(pairs: ReadonlyMap<Arg, Arg> | { readonly [key: string]: Arg }): number;
};

/** The commands inside a transaction: they are queued, and their replies come all at once. */
export type Transaction = { [Name in keyof Commands<string>]: (...args: Parameters<Commands<string>[Name]>) => void };

/** What listeners are told. */
export interface Events {
  /** Keys changed, by whomever; all of them, if `flushed`. Once a tick. */
  change: { readonly keys: readonly string[]; readonly flushed: boolean };
  status: Status;
  /** The server answered a pushed command otherwise than the replica had. */
  correction: { readonly seq: number; readonly reply: Reply };
  /** The server refused a pushed command, and what it had done here was taken back. */
  refused: { readonly seq: number; readonly error: SanderlingError };
  /** It works, but not as asked. */
  warning: SanderlingError;
  /** The connection was refused for good. */
  error: SanderlingError;
}
