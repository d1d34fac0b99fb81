/**
 * The storage of browsers: one database a replica, one object store of binary pairs.
 *
 * The database's name carries the version of the format. A handle can die at any time (the browser closes it, the data
 * is deleted, another tab upgrades); a write that finds it dead opens it once more. If that meets an empty database the
 * data was deleted behind our back, and the owner is told, because a tail without its base must not be written.
 */

import { SanderlingError } from '../errors.js';
import { behind, type Batch, changes, isStrict, type Pair, type Store } from './batch.js';

/** Opens the database of a replica. `onLost` is called when another page asks for it to be given up. */
export async function openIndexedDb(name: string, onLost: (reason: string) => void): Promise<Store> {
  const store = new IndexedDbStore(`sanderling/${FORMAT}/${name}`, onLost);
  await store.open();
  return store;
}

class IndexedDbStore implements Store {
  readonly kind = 'indexeddb';
  readonly #name: string;
  readonly #onLost: (reason: string) => void;
  #db: IDBDatabase | undefined;

  constructor(name: string, onLost: (reason: string) => void) {
    this.#name = name;
    this.#onLost = onLost;
  }

  /** Opens the database; returns whether it had to be made. */
  open(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1);
      let made = false;
      request.onupgradeneeded = () => {
        made = true;
        request.result.createObjectStore(PAIRS);
      };
      request.onblocked = () => reject(new SanderlingError('STORAGE', 'another tab blocks the database'));
      request.onerror = () => reject(request.error ?? new Error('the database cannot be opened'));
      request.onsuccess = () => {
        const db = (this.#db = request.result);
        // The browser closed it: the next write opens it again.
        db.onclose = () => (this.#db = undefined);
        db.onversionchange = () => {
          db.close();
          this.#onLost('another page deletes or upgrades the database');
        };
        resolve(made);
      };
    });
  }

  async load(): Promise<Pair[]> {
    return this.#transact('readonly', (pairs) => {
      const keys = pairs.getAllKeys();
      const values = pairs.getAll();
      return () =>
        keys.result.map((key, index) => [new Uint8Array(key as ArrayBuffer), values.result[index] as Pair[1]] as const);
    });
  }

  async write(batches: readonly Batch[]): Promise<void> {
    const strict = batches.some(isStrict);
    await this.#transact(
      'readwrite',
      (pairs) => {
        for (const batch of batches)
          for (const change of changes(batch)) {
            if (change.kind === 'put') pairs.put(change.value, change.key);
            else if (change.kind === 'delete') pairs.delete(change.key);
            else pairs.delete(IDBKeyRange.bound(change.key, behind(change.key), false, true));
          }
        return () => undefined;
      },
      strict ? 'strict' : 'relaxed',
    );
  }

  async quarantine(): Promise<string> {
    await this.#transact('readwrite', (pairs) => {
      pairs.clear();
      return () => undefined;
    });
    return 'it was deleted';
  }

  close(): Promise<void> {
    this.#db?.close();
    this.#db = undefined;
    return Promise.resolve();
  }

  /** Runs a transaction, once more if the handle turns out to be dead. */
  async #transact<T>(
    mode: IDBTransactionMode,
    use: (pairs: IDBObjectStore) => () => T,
    durability: IDBTransactionDurability = 'relaxed',
  ): Promise<T> {
    try {
      if (this.#db) return await transact(this.#db, mode, durability, use);
    } catch (error) {
      if (!isDeadHandle(error)) throw error;
      this.#db?.close();
    }
    if (await this.open()) throw new SanderlingError('STORAGE', 'the database was deleted meanwhile');
    return transact(this.#db!, mode, durability, use);
  }
}

function transact<T>(
  db: IDBDatabase,
  mode: IDBTransactionMode,
  durability: IDBTransactionDurability,
  use: (pairs: IDBObjectStore) => () => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(PAIRS, mode, { durability });
    // Done means complete: a full disk is only noticed there.
    const result = use(transaction.objectStore(PAIRS));
    transaction.oncomplete = () => resolve(result());
    transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'));
    if (durability === 'strict') transaction.commit?.();
  });
}

function isDeadHandle(error: unknown): boolean {
  return error instanceof DOMException && ['InvalidStateError', 'UnknownError', 'AbortError'].includes(error.name);
}

const FORMAT = 1;
const PAIRS = 'pairs';
