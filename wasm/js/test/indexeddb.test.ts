/** IndexedDB as the storage, in the implementation of fake-indexeddb; real browsers are tested as a whole elsewhere. */

import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import test from 'node:test';
import type { SanderlingError } from '../src/errors.js';
import { restore } from '../src/persister.js';
import { openIndexedDb } from '../src/storage/indexeddb.js';
import { next, open, ports, withSeeds } from './engine.js';

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

/** The events of a window, which Node has not. */
const scope = new EventTarget();
Object.assign(globalThis, {
  addEventListener: scope.addEventListener.bind(scope),
  removeEventListener: scope.removeEventListener.bind(scope),
});

function windowEvent(name: string, properties: object = {}): void {
  scope.dispatchEvent(Object.assign(new Event(name), properties));
}

function databaseOf(name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`sanderling/3/${name}`);
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
  assert.deepEqual(durabilities, ['strict']);
  // What came from a server, as far as the storage can tell: nothing that is the user's alone.
  const store = await openIndexedDb('relaxed', (error) => assert.fail(error));
  await store.write([new Uint8Array([0, 0, 1, 0, 0, 0, 97, 1, 0, 0, 0, 98])]);
  assert.equal(durabilities.at(-1), 'relaxed');
  await store.close();
  IDBDatabase.prototype.transaction = transaction;
  assert.equal((await pairs('batched')).filter(([key]) => key.startsWith('pend/')).length, 1);
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
    const request = indexedDB.deleteDatabase('sanderling/3/deleted');
    request.onsuccess = resolve;
    request.onblocked = () => reject(new Error('the handle was not let go'));
  });
  assert.equal((await warned).code, 'DELETED');
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

test('a disk that is full costs the storage, not the data in memory, and only until there is room', async () => {
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
  assert.equal(warning.code, 'QUOTA');
  assert.match(warning.message, /works from memory.*quota/);
  assert.equal(db.get('k'), 'v');
  assert.equal(db.status.storage, 'memory');
  db.set('k2', 'v2');
  // There is room again.
  const mended = next(db, 'warning');
  windowEvent('focus');
  assert.match((await mended).message, /works again/);
  assert.equal(db.status.storage, 'indexeddb');
  await db.close();
  const again = await open({ name: 'full' });
  assert.deepEqual(again.mget('k', 'k2'), ['v', 'v2']);
  await again.close();
});

test('without Web Locks two tabs could collide, so memory it is', async () => {
  Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  const db = await open({ name: 'insecure' });
  assert.equal((await next(db, 'warning')).code, 'STORAGE');
  assert.equal(db.status.storage, 'memory');
  await db.close();
  Object.defineProperty(globalThis, 'navigator', { value: { locks }, configurable: true });
});

test('a database that vanished is made anew, with everything in it', async () => {
  const db = await open({ name: 'vanished' });
  db.set('k', 'v');
  await db.stored();
  const codes: string[] = [];
  db.on('warning', ({ code }) => codes.push(code));
  // The browser closes the handle first, and tells.
  const handle = await lastHandle(() => db.set('k2', 'v2'), db);
  handle.close();
  handle.onclose!(new Event('close'));
  await new Promise((resolve) => (indexedDB.deleteDatabase('sanderling/3/vanished').onsuccess = resolve));
  db.set('k3', 'v3');
  await db.stored();
  assert.deepEqual(codes, ['DELETED']);
  assert.equal(db.status.storage, 'indexeddb');
  await db.close();
  const again = await open({ name: 'vanished' });
  assert.deepEqual(again.mget('k', 'k2', 'k3'), ['v', 'v2', 'v3']);
  await again.close();
});

/** The handle on which something is stored. */
async function lastHandle(act: () => void, db: Awaited<ReturnType<typeof open>>): Promise<IDBDatabase> {
  const transaction = IDBDatabase.prototype.transaction;
  let handle: IDBDatabase | undefined;
  IDBDatabase.prototype.transaction = function (...args) {
    handle = this;
    return transaction.apply(this, args);
  };
  act();
  await db.stored();
  IDBDatabase.prototype.transaction = transaction;
  return handle!;
}

test('of a damaged store the commands that can be read are kept, and the rest is set aside', async () => {
  const db = await open({ name: 'salvaged' });
  for (const token of ['a', 'b', 'c']) {
    db.rpush('list', token);
    await db.stored();
  }
  await db.close();
  const stored = (await pairs('salvaged')).filter(([key]) => key.startsWith('pend/'));
  assert.equal(stored.length, 3);
  await putPair('salvaged', stored[1]![0], new Uint8Array([1, 2, 3]));
  const again = await open({ name: 'salvaged' });
  const warning = await next(again, 'warning');
  assert.equal(warning.code, 'DAMAGED');
  assert.match(warning.message, /2 pending commands/);
  assert.deepEqual(again.lrange('list', 0, -1), ['a', 'c']);
  assert.equal(again.status.pending, 3, 'one that does nothing fills the gap');
  await again.close();
  const third = await open({ name: 'salvaged' });
  assert.deepEqual(third.lrange('list', 0, -1), ['a', 'c']);
  await third.close();
  const raw = await databaseOf('salvaged');
  const aside = raw.transaction('damaged').objectStore('damaged').getAllKeys();
  await new Promise((resolve) => (aside.onsuccess = resolve));
  assert.equal(aside.result.length, 3);
  raw.close();
});

async function putPair(name: string, key: string, value: Uint8Array<ArrayBuffer>): Promise<void> {
  const raw = await databaseOf(name);
  const transaction = raw.transaction('pairs', 'readwrite');
  transaction.objectStore('pairs').put(value, Buffer.from(key));
  await new Promise((resolve) => (transaction.oncomplete = resolve));
  raw.close();
}

test('without room to set damage aside, what can be read still counts', async () => {
  const db = await open({ name: 'cramped' });
  for (const token of ['a', 'b', 'c']) {
    db.rpush('list', token);
    await db.stored();
  }
  await db.close();
  const stored = (await pairs('cramped')).filter(([key]) => key.startsWith('pend/'));
  await putPair('cramped', stored[1]![0], new Uint8Array([1, 2, 3]));
  const { put } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.put = function () {
    throw new DOMException('The quota has been exceeded.', 'QuotaExceededError');
  };
  const again = await open({ name: 'cramped' });
  const codes: string[] = [];
  again.on('warning', ({ code }) => codes.push(code));
  await next(again, 'warning', ({ code }) => code === 'DAMAGED');
  assert.deepEqual(codes, ['QUOTA', 'DAMAGED']);
  assert.deepEqual(again.lrange('list', 0, -1), ['a', 'c']);
  IDBObjectStore.prototype.put = put;
  again.rpush('list', 'd');
  await again.close();
  const third = await open({ name: 'cramped' });
  assert.deepEqual(third.lrange('list', 0, -1), ['a', 'c', 'd']);
  await third.close();
});

test('a value that the browser cannot read any more is damage like any other', async () => {
  const db = await open({ name: 'unreadable' });
  for (const token of ['a', 'b', 'c']) {
    db.rpush('list', token);
    await db.stored();
  }
  await db.close();
  const { get, getAll } = IDBObjectStore.prototype;
  let reads = 0;
  IDBObjectStore.prototype.getAll = function () {
    throw new DOMException('Failed to read large IndexedDB value', 'DataError');
  };
  IDBObjectStore.prototype.get = function (key) {
    // The second of three, each time they are read.
    return get.call(this, reads++ % 3 === 1 ? 'nothing' : key);
  };
  const again = await open({ name: 'unreadable' });
  Object.assign(IDBObjectStore.prototype, { get, getAll });
  assert.equal((await next(again, 'warning')).code, 'DAMAGED');
  assert.deepEqual(again.lrange('list', 0, -1), ['a', 'c']);
  await again.close();
});

test('a newer release in another tab: the older one lets go and says so, and does not come back to it', async () => {
  const db = await open({ name: 'upgraded' });
  db.set('k', 'v');
  await db.stored();
  const warned = next(db, 'warning');
  const newer = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open('sanderling/3/upgraded', 2);
    request.onsuccess = () => resolve(request.result);
  });
  assert.equal((await warned).code, 'UPGRADED');
  assert.equal(db.status.storage, 'memory');
  newer.close();
  db.set('k2', 'v2');
  assert.equal(db.get('k2'), 'v2');
  await db.close();
  const later = await open({ name: 'upgraded' });
  assert.equal((await next(later, 'warning')).code, 'UPGRADED');
  await later.close();
});

test('what an older release left pending is taken over, and its database goes', async () => {
  const db = await open({ name: 'older' });
  db.incr('n');
  await db.close();
  const gone = (error: SanderlingError): void => assert.fail(error);
  const store = await openIndexedDb('older', gone, 4);
  const { port, warnings } = await restore(store, await ports());
  assert.deepEqual(warnings, []);
  port.execute('GET', ['n'], 0);
  assert.equal(port.reply(false), '1');
  port.free();
  // The next start finds it in the new place, and only there.
  let names;
  do {
    await new Promise((resolve) => setImmediate(resolve));
    names = (await indexedDB.databases()).map(({ name }) => name).filter((name) => name?.endsWith('/older'));
  } while (names.length > 1);
  assert.deepEqual(names, ['sanderling/4/older']);
  const again = await restore(store, await ports());
  again.port.execute('GET', ['n'], 0);
  assert.equal(again.port.reply(false), '1');
  again.port.free();
  await store.close();
});

test('a browser that forbids storage, or does not answer, costs the storage and nothing else', async (t) => {
  const { open: openDatabase } = IDBFactory.prototype;
  t.after(() => (IDBFactory.prototype.open = openDatabase));
  IDBFactory.prototype.open = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError');
  };
  const db = await open({ name: 'private' });
  const warning = await next(db, 'warning');
  assert.equal(warning.code, 'STORAGE');
  assert.match(warning.message, /works from memory.*insecure/);
  assert.equal(db.status.storage, 'memory');
  db.set('k', 'v');
  await db.stored();
  await db.close();

  t.mock.timers.enable({ apis: ['setTimeout'] });
  let asked = (): void => undefined;
  const isAsked = new Promise<void>((resolve) => (asked = resolve));
  IDBFactory.prototype.open = () => {
    asked();
    return {} as IDBOpenDBRequest;
  };
  const opening = open({ name: 'mute' });
  await isAsked;
  await Promise.resolve();
  t.mock.timers.tick(10_000);
  const mute = await opening;
  t.mock.timers.reset();
  assert.equal(mute.status.storage, 'memory');
  await mute.close();
});

test('a page that is put away lets go of storage and lock, and takes them again with what others left', async () => {
  const db = await open({ name: 'kept' });
  db.incr('n');
  windowEvent('pagehide', { persisted: true });
  assert.equal(db.status.storage, 'memory');
  const other = await open({ name: 'kept' });
  assert.equal(other.status.storage, 'indexeddb');
  assert.equal(other.incr('n'), 2);
  await other.close();
  const back = next(db, 'status', ({ storage }) => storage === 'indexeddb');
  windowEvent('pageshow', { persisted: true });
  await back;
  assert.equal(db.get('n'), '2');
  await db.close();
  const third = await open({ name: 'kept' });
  assert.equal(third.get('n'), '2');
  await third.close();
});

test('whatever fails at whatever step, what was stored comes back, once and in order', () =>
  withSeeds(8, async (random) => {
    const name = `faults ${random.seed}`;
    const { transaction } = IDBDatabase.prototype;
    const { put } = IDBObjectStore.prototype;
    const fault = (names: string[]): void => {
      if (random.below(4) === 0) throw new DOMException('planted', random.pick(names));
    };
    let faulty = true;
    IDBDatabase.prototype.transaction = function (...args) {
      if (faulty && args[1] === 'readwrite') fault(['InvalidStateError', 'UnknownError']);
      return transaction.apply(this, args);
    };
    IDBObjectStore.prototype.put = function (...args) {
      if (faulty) fault(['QuotaExceededError', 'DataError']);
      return put.apply(this, args);
    };
    try {
      let written = 0;
      for (let run = 0; run < 6; run++) {
        const db = await open({ name });
        db.on('warning', () => undefined);
        const found = db.lrange('list', 0, -1) as string[];
        assert.ok(found.length >= written, `${written} were stored, ${found.length} are there`);
        assert.deepEqual(found, found.map((_, index) => String(index)));
        for (let count = random.below(20); count > 0; count--) {
          db.rpush('list', db.llen('list'));
          if (random.below(3) === 0) {
            await db.stored();
            if (db.status.storage === 'indexeddb') written = db.llen('list');
            else windowEvent('focus');
          }
        }
        faulty = random.below(2) === 0;
        await db.close();
        faulty = true;
      }
    } finally {
      Object.assign(IDBDatabase.prototype, { transaction });
      Object.assign(IDBObjectStore.prototype, { put });
    }
  }));
