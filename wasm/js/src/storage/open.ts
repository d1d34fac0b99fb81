/** Choosing and opening the storage of a replica, and making sure that nobody else uses it. */

import { pause } from '../clock.js';
import { reason, SanderlingError } from '../errors.js';
import { platform } from '../platform.js';
import { Election } from '../tabs/election.js';
import type { Store } from './batch.js';
import { openIndexedDb } from './indexeddb.js';

/** Where a replica is to leave what it comes back to. */
export type StorageOption = 'indexeddb' | 'memory' | { readonly directory: string };

/** Opens the storage of the replica `name`; `undefined` means memory. Throws `LOCKED`, `OPTIONS` or `STORAGE`. */
export async function openStore(
  name: string,
  option: StorageOption | undefined,
  onGone: (error: SanderlingError) => void,
  isMine = false,
): Promise<Store | undefined> {
  const hasIndexedDb = typeof indexedDB !== 'undefined';
  const chosen = option ?? (hasIndexedDb ? 'indexeddb' : 'memory');
  if (chosen === 'memory') return undefined;
  if (typeof chosen === 'object') {
    if (!platform.directory) throw new SanderlingError('OPTIONS', 'there are no directories in this runtime');
    return platform.directory(chosen.directory, name);
  }
  if (chosen !== 'indexeddb')
    throw new SanderlingError('OPTIONS', `the storage ${JSON.stringify(chosen)} is none of 'indexeddb', 'memory', { directory }`);
  if (!hasIndexedDb) throw new SanderlingError('STORAGE', 'there is no IndexedDB in this runtime');
  // Tabs that share a storage have settled among themselves whose it is.
  const release = isMine ? (): void => undefined : await lock(name);
  try {
    const store = await openIndexedDb(name, onGone);
    const close = store.close.bind(store);
    store.close = async () => {
      await close();
      release();
    };
    return store;
  } catch (error) {
    release();
    // Private windows and full disks refuse to open a database at all.
    throw error instanceof SanderlingError ? error : new SanderlingError('STORAGE', reason(error), { cause: error });
  }
}

/** Holds the lock of a name, so that two tabs never write one database; returns what lets go of it. */
async function lock(name: string): Promise<() => void> {
  const { locks } = globalThis.navigator ?? {};
  if (!locks) throw new SanderlingError('STORAGE', 'this page has no Web Locks (it is not served securely), so tabs could collide');
  const election = new Election(locks, lockName(name));
  // A page that is being reloaded meets the lock of its former self for a moment.
  if (!(await election.take()) && !(await pause(RELOAD_MS).then(() => election.take())))
    throw new SanderlingError('LOCKED', `another tab has '${name}' open`);
  return () => election.cede();
}

/** The lock that the writer of a storage holds. */
export function lockName(name: string): string {
  return `sanderling:${name}`;
}

const RELOAD_MS = 250;
