/** How a replica stands: the connection, the position in the log, what is pending. */

import type { Link } from './link.js';
import { STATES, Word } from './crossing.js';
import type { Port } from './port.js';
import type { Tabs } from './tabs/tabs.js';

/** How a replica stands. */
export interface Status {
  readonly state: 'offline' | 'waiting' | 'connecting' | 'syncing' | 'live' | 'closed';
  /** The position in the server's log that the replica shows. */
  readonly seq: number;
  /** Commands that the server has not acknowledged. */
  readonly pending: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Attempts to connect since a connection last worked. */
  readonly attempt: number;
  /** When the next attempt is due, in milliseconds since the epoch, while `waiting`. */
  readonly retryAt: number | null;
  /** What went wrong with the last connection. */
  readonly lastFailure: string | null;
  readonly storage: 'indexeddb' | 'directory' | 'memory';
  /** Whether this tab has the connection and the storage, or shares those of another one of the same browser. */
  readonly role: 'leader' | 'follower';
}

/** Returns how things stand now: `before` itself, if nothing has changed since. */
export function statusOf(
  port: Port,
  link: Link,
  storage: Status['storage'],
  tabs: Tabs | undefined,
  before: Status | undefined,
): Status {
  port.status();
  const open = STATES[port.words[Word.State]!]!;
  const now: Status = {
    state: link.state === 'off' ? 'offline' : link.state === 'open' ? open : link.state,
    seq: port.number(Word.Seq),
    pending: port.words[Word.Pending]!,
    bytesIn: port.number(Word.BytesIn),
    bytesOut: port.number(Word.BytesOut),
    attempt: link.attempt,
    retryAt: link.retryAt,
    lastFailure: link.lastFailure,
    storage,
    role: !tabs || tabs.isLeader ? 'leader' : 'follower',
    // What a follower has none of is the leader's.
    ...(tabs?.isLeader === false ? tabs.shared?.status : undefined),
  };
  return before && isSame(now, before) ? before : now;
}

function isSame(a: Status, b: Status): boolean {
  return (Object.keys(a) as (keyof Status)[]).every((name) => a[name] === b[name]);
}
