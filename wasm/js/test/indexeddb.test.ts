/** IndexedDB as the storage, in the implementation of fake-indexeddb; real browsers are tested as a whole elsewhere. */

import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import test from 'node:test';
import { next, open } from './engine.js';

/** Web Locks as far as they are used: one holder a name, and no queue. */
const held = new Set<string>();
const locks = {
  async request(name: string, _options: object, callback: (lock: object | null) => Promise<void> | undefined): Promise<void> {
    if (held.has(name)) return void (await callback(null));
    held.add(name);
    try {
      await callback({});
    } finally {
      held.delete(name);
    }
  },
};
Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });

function databaseOf(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`sanderling/1/${name}`);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function pairs(name: string): Promise<[string, Uint8Array<ArrayBuffer>][]> {
  const db = await databaseOf(name);
  const transaction = db.transaction('pairs');
  const keys = transaction.objectStore('pairs').getAllKeys();
  const values = transaction.objectStore('pairs').getAll();
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  db.close();
  return keys.result.map((key, index) => [Buffer.from(key as ArrayBuffer).toString(), values.result[index]]);
}

test('a replica comes back with its data and its pending commands', async () => {
  for (let run = 1; run <= 3; run++) {
    const db = await open({ name: 'back' });
    assert.equal(db.status.storage, 'indexeddb');
    assert.equal(db.incr('runs'), run);
    assert.equal(db.status.pending, run);
    await db.close();
  }
});

test('a loop of commands is one transaction, and pending ones are strict', async () => {
  const db = await open({ name: 'batched' });
  const transaction = IDBDatabase.prototype.transaction;
  const durabilities: (string | undefined)[] = [];
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    durabilities.push(options?.durability);
    return transaction.call(this, stores, mode, options);
  };
  for (let index = 0; index < 100; index++) db.incr('n');
  await db.stored();
  IDBDatabase.prototype.transaction = transaction;
  assert.deepEqual(durabilities, ['strict']);
  assert.equal((await pairs('batched')).filter(([key]) => key.startsWith('pend/')).length, 100);
  await db.close();
});

test('two tabs of one name do not share a store', async () => {
  const first = await open({ name: 'tabs' });
  const second = await open({ name: 'tabs' });
  const warning = await next(second, 'warning');
  assert.equal(warning.code, 'LOCKED');
  assert.equal(second.status.storage, 'memory');
  await first.close();
  const third = await open({ name: 'tabs' });
  assert.equal(third.status.storage, 'indexeddb');
  await Promise.all([second.close(), third.close()]);
});

test('a damaged store is emptied with a warning, and the replica starts anew', async () => {
  const db = await open({ name: 'damaged' });
  db.set('k', 'v');
  await db.close();
  const [key] = (await pairs('damaged'))[0]!;
  const raw = await databaseOf('damaged');
  const transaction = raw.transaction('pairs', 'readwrite');
  transaction.objectStore('pairs').put(new Uint8Array([1, 2, 3]), Buffer.from(key));
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  raw.close();
  const again = await open({ name: 'damaged' });
  const warning = await next(again, 'warning');
  assert.equal(warning.code, 'DAMAGED');
  assert.equal(again.get('k'), null);
  again.set('new', 'life');
  await again.close();
  const third = await open({ name: 'damaged' });
  assert.equal(third.get('new'), 'life');
  await third.close();
});

test('when another page deletes the database the replica goes on from memory, and says so', async () => {
  const db = await open({ name: 'deleted' });
  db.set('k', 'v');
  await db.stored();
  const warned = next(db, 'warning');
  await new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase('sanderling/1/deleted');
    request.onsuccess = resolve;
    request.onblocked = () => reject(new Error('the handle was not let go'));
  });
  assert.equal((await warned).code, 'STORAGE');
  assert.equal(db.status.storage, 'memory');
  db.set('k2', 'v2');
  await db.stored();
  assert.deepEqual(db.mget('k', 'k2'), ['v', 'v2']);
  await db.close();
});

test('a handle that the browser closed is opened again', async () => {
  const db = await open({ name: 'handle' });
  const transaction = IDBDatabase.prototype.transaction;
  let failures = 1;
  IDBDatabase.prototype.transaction = function (stores, mode, options) {
    if (failures-- > 0) throw new DOMException('The database connection is closing.', 'InvalidStateError');
    return transaction.call(this, stores, mode, options);
  };
  db.set('k', 'v');
  await db.stored();
  IDBDatabase.prototype.transaction = transaction;
  assert.equal(db.status.storage, 'indexeddb');
  await db.close();
  const again = await open({ name: 'handle' });
  assert.equal(again.get('k'), 'v');
  await again.close();
});

test('a disk that is full costs the storage, not the data in memory', async () => {
  const db = await open({ name: 'full' });
  const put = IDBObjectStore.prototype.put;
  IDBObjectStore.prototype.put = function () {
    throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
  };
  const warned = next(db, 'warning');
  db.set('k', 'v');
  await db.stored();
  IDBObjectStore.prototype.put = put;
  const warning = await warned;
  assert.equal(warning.code, 'STORAGE');
  assert.match(warning.message, /quota/);
  assert.equal(db.get('k'), 'v');
  await db.close();
});

test('without Web Locks two tabs could collide, so memory it is', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  const db = await open({ name: 'insecure' });
  assert.equal((await next(db, 'warning')).code, 'STORAGE');
  assert.equal(db.status.storage, 'memory');
  await db.close();
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
});
