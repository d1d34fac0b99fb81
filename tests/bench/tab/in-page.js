/** One peer once, in a page: `run` returns its figures. */

import { measure } from './measure.js';
import { wasmBytes } from './wasm-memory.js';

globalThis.run = ({ module, isStored, url, scale }) => {
  const surroundings = {
    load: () => import('/dist/browser.js'),
    url,
    WebSocket,
    ...(isStored && { storage: 'indexeddb' }),
    // The heap is asked from outside, after its garbage was collected.
    memory: async () => (await globalThis.heapBytes()) + wasmBytes(),
    put: async (bytes) => {
      const transaction = (await blobs()).transaction('blobs', 'readwrite', { durability: 'strict' });
      transaction.objectStore('blobs').put(bytes, 'blob');
      await new Promise((resolve, reject) => {
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      });
    },
    take: async () => answer((await blobs()).transaction('blobs').objectStore('blobs').get('blob')),
    savedBytes,
  };
  return measure(surroundings, scale, async (surroundings) => {
    const { open } = await import(`/bench/peers/${module}.js`);
    return open(surroundings);
  });
};

let database;

function blobs() {
  if (!database) {
    const request = indexedDB.open('blobs');
    request.onupgradeneeded = () => request.result.createObjectStore('blobs');
    database = answer(request);
  }
  return database;
}

/** What all databases hold: their keys and values. */
async function savedBytes() {
  let bytes = 0;
  for (const { name } of await indexedDB.databases()) {
    const database = await answer(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const objects = database.transaction(store).objectStore(store);
      for (const item of [...(await answer(objects.getAll())), ...(await answer(objects.getAllKeys()))]) bytes += sizeOf(item);
    }
    database.close();
  }
  return bytes;
}

function sizeOf(item) {
  if (item instanceof ArrayBuffer || ArrayBuffer.isView(item)) return item.byteLength;
  if (typeof item === 'object' && item !== null) return Object.values(item).reduce((sum, part) => sum + sizeOf(part), 0);
  return String(item).length;
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
