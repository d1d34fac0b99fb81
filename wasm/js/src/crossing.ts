/** What crosses the boundary to the engine, and in which shape: arguments, the block of words, news, pages of keys. */

import type { Reply } from './reply.js';

/** One argument as a user passes it. */
export type Arg = string | number | bigint | Uint8Array;

/** Arguments as a user passes them: arrays are spread, objects and maps become their keys and values in turn. */
export type Args = Arg | readonly Args[] | ReadonlyMap<Arg, Arg> | { readonly [field: string]: Arg };

/** Where each word stands; the same order as in the engine's `words`. */
export const enum Word {
  /** Counts changes of the keyspace: by it a mirror knows that it is stale. */
  Changes = 0,
  /** 1 while a transaction is open and commands are queued instead of run. */
  Session = 1,
  OutAddress = 2,
  OutLength = 3,
  ScratchAddress = 4,
  ScratchLength = 5,
  /** An index in STATES. */
  State = 6,
  Pending = 7,
  /** Two words each, the low one first. */
  Seq = 8,
  BytesIn = 10,
  BytesOut = 12,
  /** Milliseconds since the epoch; all ones: there is nothing to wait for. */
  Timeout = 14,
  /** The number of the command that was queued last. */
  LastSeq = 16,
  /** What an event is about. */
  EventSeq = 18,
  /** The last of this replica's own commands that the server has answered. */
  Acknowledged = 20,
  /** The bytes that the data takes. */
  Memory = 22,
  /** Counts keys that were forgotten for lack of memory. */
  Evicted = 23,
}

/** What the replica is doing, by the engine's account. */
export const STATES = ['offline', 'connecting', 'syncing', 'live'] as const;

/** What the engine has to tell. */
export type EngineEvent =
  | { kind: 'state' | 'resynced' }
  | { kind: 'fetched'; keys: string[] }
  | { kind: 'subscribed'; seq: number }
  | { kind: 'message'; channel: string; message: string }
  | { kind: 'corrected' | 'refused' | 'notSubscribed' | 'reply' | 'declined'; seq: number; reply: Reply };

/** What the engine says of a message, or of a silence. */
export interface Verdict {
  /** Whether the connection is in order. */
  readonly ok: boolean;
  /** If it is not: whether another one may do better. */
  readonly mayRetry: boolean;
  /** Why it is not. */
  readonly text: string;
}

/** Keys that changed, or all of them. */
export interface Touched {
  readonly flushed: boolean;
  readonly keys: string[];
}

/** One page of the keys of a replica. */
export interface Page {
  /** Where to go on; `'0'` at the end. */
  cursor: string;
  entries: Entry[];
}

/** A key of a replica. */
export interface Entry {
  key: string;
  /** What `TYPE` says. */
  type: string;
  /** Milliseconds since the epoch. */
  expiresAt: number | null;
  /** Bytes of a string, elements of a collection. */
  size: number;
}
