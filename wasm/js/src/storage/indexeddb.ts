/**
 * The storage of browsers: one database a replica, with its pairs and, if they could not be read once, those of then.
 *
 * ```text
 * sanderling/FORMAT/NAME     pairs     key bytes → value bytes
 *                            damaged   the same, set aside; the next damage takes its place
 * ```
 * The database's name carries the format, which goes up with that of the pairs or of this layout, so that releases which
 * store otherwise do not meet in one database. A handle can die at any time (the browser closes it, the data is deleted,
 * another tab upgrades): a transaction that finds it dead opens it once more. If that meets a database that had to be made
 * the data was deleted behind our back, which the owner is told, because a tail without its base must not be written.
 */

import { reason, SanderlingError } from '../errors.js';
import { behind, type Batch, changes, isStrict, type Pair, type Store } from './batch.js';

/** Opens the database of a replica. `onGone` is called when another page asks for it to be given up. */
export async function openIndexedDb(
  name: string,
  onGone: (error: SanderlingError) => void,
  format: number = FORMAT,
): Promise<Store> {
  const store = new IndexedDbStore(name, onGone, format);
  await store.open();
  return store;
}

class IndexedDbStore implements Store {
  readonly kind = 'indexeddb';
  readonly #replica: string;
  readonly #onGone: (error: SanderlingError) => void;
  readonly #format: number;
  #db: IDBDatabase | undefined;
  #older: string[] = [];

  constructor(replica: string, onGone: (error: SanderlingError) => void, format: number) {
    this.#replica = replica;
    this.#onGone = onGone;
    this.#format = format;
  }

  /** Opens the database; returns whether it had to be made. */
  async open(): Promise<boolean> {
    const { db, isNew } = await openDatabase(`${PREFIX}${this.#format}/${this.#replica}`, SCHEMA);
    this.#db = db;
    // The browser closed it: the next transaction opens it again.
    db.onclose = () => this.#drop(db);
    db.onversionchange = ({ newVersion }) => {
      this.#drop(db);
      const error =
        newVersion === null
          ? new SanderlingError('DELETED', 'another page deletes the database')
          : new SanderlingError('UPGRADED', 'another tab runs a newer release: reload the page');
      this.#onGone(error);
    };
    return isNew;
  }

  async load(): Promise<Pair[]> {
    return this.#transact('readonly', 'relaxed', readAll).catch((error: unknown) => {
      if (error instanceof SanderlingError) throw error;
      throw new SanderlingError('DAMAGED', reason(error), { cause: error });
    });
  }

  // Pair by pair, because a large value may have lost the file that it lies in.
  salvage(): Promise<Pair[]> {
    return this.#transact('readonly', 'relaxed', (store) => {
      const pairs: Pair[] = [];
      store.getAllKeys().onsuccess = ({ target }) => {
        for (const key of (target as IDBRequest<IDBValidKey[]>).result) {
          const request = store.get(key);
          request.onsuccess = () => {
            const value: unknown = request.result;
            if (value instanceof Uint8Array) pairs.push([new Uint8Array(key as ArrayBuffer), value as Pair[1]]);
          };
          request.onerror = (event) => event.preventDefault();
        }
      };
      return () => pairs;
    });
  }

  write(batches: readonly Batch[]): Promise<void> {
    const durability = batches.some(isStrict) ? 'strict' : 'relaxed';
    return this.#transact('readwrite', durability, (pairs) => put(pairs, batches));
  }

  async quarantine(batches: readonly Batch[]): Promise<string> {
    const aside = await this.salvage();
    await this.#transact('readwrite', 'strict', (pairs, damaged) => {
      damaged.clear();
      for (const [key, value] of aside) damaged.put(value, key);
      pairs.clear();
      return put(pairs, batches);
    });
    return `it is kept in the object store '${DAMAGED}'`;
  }

  async older(): Promise<Pair[]> {
    const all = (await indexedDB.databases?.().catch(() => undefined)) ?? [];
    const pairs: Pair[] = [];
    this.#older = [];
    for (let format = OLDEST_FORMAT; format < this.#format; format++) {
      const name = `${PREFIX}${format}/${this.#replica}`;
      if (!all.some((other) => other.name === name)) continue;
      const { db } = await openDatabase(name, undefined);
      db.onversionchange = () => db.close();
      pairs.push(...(await transact(db, 'readonly', 'relaxed', readAll).finally(() => db.close())));
      this.#older.push(name);
    }
    return pairs;
  }

  dropOlder(): void {
    for (const name of this.#older.splice(0)) indexedDB.deleteDatabase(name);
  }

  close(): Promise<void> {
    if (this.#db) this.#drop(this.#db);
    return Promise.resolve();
  }

  #drop(db: IDBDatabase): void {
    // What has begun still completes.
    db.close();
    if (this.#db === db) this.#db = undefined;
  }

  /** Runs a transaction, once more if the handle turns out to be dead. */
  async #transact<T>(mode: IDBTransactionMode, durability: IDBTransactionDurability, use: Use<T>): Promise<T> {
    const db = this.#db;
    try {
      if (db) return await transact(db, mode, durability, use);
    } catch (error) {
      if (!isDeadHandle(error)) throw full(error);
      this.#drop(db!);
    }
    if (!this.#db && (await this.open())) throw new SanderlingError('DELETED', 'what was stored was deleted by the browser or its user');
    return transact(this.#db!, mode, durability, use).catch((error: unknown) => {
      throw full(error);
    });
  }
}

/** What is done in a transaction; what it returns is asked for the result when the transaction is complete. */
type Use<T> = (pairs: IDBObjectStore, damaged: IDBObjectStore) => () => T;

function openDatabase(name: string, version: number | undefined): Promise<{ db: IDBDatabase; isNew: boolean }> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    let isNew = false;
    let isLate = false;
    const refuse = (why: string, code = 'STORAGE'): void => {
      isLate = true;
      clearTimeout(timer);
      reject(new SanderlingError(code, why));
    };
    // Some browsers do not answer at all now and then.
    const timer = setTimeout(() => refuse('the browser does not open the database'), OPEN_MS_MAX);
    request.onupgradeneeded = () => {
      isNew = true;
      for (const store of [PAIRS, DAMAGED]) request.result.createObjectStore(store);
    };
    request.onblocked = () => refuse('another tab blocks the database: close it');
    request.onerror = () => {
      if (request.error?.name === 'VersionError') refuse('a newer release has stored here: reload the page', 'UPGRADED');
      else refuse(request.error ? reason(request.error) : 'the database cannot be opened');
    };
    request.onsuccess = () => {
      clearTimeout(timer);
      if (isLate) request.result.close();
      else resolve({ db: request.result, isNew });
    };
  });
}

function transact<T>(db: IDBDatabase, mode: IDBTransactionMode, durability: IDBTransactionDurability, use: Use<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(mode === 'readonly' ? [PAIRS] : [PAIRS, DAMAGED], mode, { durability });
    const damaged = mode === 'readonly' ? undefined : transaction.objectStore(DAMAGED);
    // Done means complete: a full disk is only noticed there.
    transaction.onabort = () => reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'));
    try {
      const result = use(transaction.objectStore(PAIRS), damaged as IDBObjectStore);
      transaction.oncomplete = () => resolve(result());
      if (durability === 'strict') transaction.commit?.();
    } catch (error) {
      // What was asked for before would be done all the same.
      transaction.abort();
      throw error;
    }
  });
}

function readAll(store: IDBObjectStore): () => Pair[] {
  const keys = store.getAllKeys();
  const values = store.getAll();
  return () => keys.result.map((key, index) => [new Uint8Array(key as ArrayBuffer), values.result[index] as Pair[1]]);
}

function put(pairs: IDBObjectStore, batches: readonly Batch[]): () => void {
  for (const batch of batches)
    for (const change of changes(batch)) {
      if (change.kind === 'put') pairs.put(change.value, change.key);
      else if (change.kind === 'delete') pairs.delete(change.key);
      else pairs.delete(IDBKeyRange.bound(change.key, behind(change.key), false, true));
    }
  return () => undefined;
}

function isDeadHandle(error: unknown): boolean {
  return error instanceof DOMException && ['InvalidStateError', 'UnknownError', 'AbortError'].includes(error.name);
}

function full(error: unknown): unknown {
  const isFull = error instanceof DOMException && error.name === 'QuotaExceededError';
  return isFull ? new SanderlingError('QUOTA', reason(error), { cause: error }) : error;
}

const PREFIX = 'sanderling/';
/** The format of the pairs and of the database's layout. */
const FORMAT = 3;
/** The first format whose pending commands this release reads. */
const OLDEST_FORMAT = 3;
const SCHEMA = 1;
const PAIRS = 'pairs';
const DAMAGED = 'damaged';
const OPEN_MS_MAX = 10_000;
