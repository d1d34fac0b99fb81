/** tinybase: values in a mergeable store, through its WebSocket synchronizer. */

import { createMergeableStore } from 'tinybase';
import { createWsSynchronizer } from 'tinybase/synchronizers/synchronizer-ws-client';

export const tinybase = {
  name: 'tinybase',
  packages: ['tinybase'],
  settled: 'nothing: a change is not acknowledged',
  server: 'tinybase.js',
  path: '/bench',
  open: (url, WebSocket) => new Client(url, WebSocket),
};

class Client {
  #store = createMergeableStore();
  #synchronizer;
  #socket;
  #listener = () => undefined;

  constructor(url, WebSocket) {
    this.#socket = new WebSocket(url);
    this.#store.addValueListener(null, (_store, key) => this.#listener([key]));
    this.ready = createWsSynchronizer(this.#store, this.#socket, SECONDS).then(async (synchronizer) => {
      this.#synchronizer = synchronizer;
      await synchronizer.startSync();
    });
  }

  set(key, value) {
    this.#store.setValue(key, value);
  }

  transaction(run) {
    this.#store.transaction(run);
  }

  get(key) {
    return this.#store.getValue(key);
  }

  size() {
    return this.#store.getValueIds().length;
  }

  onKeys(listener) {
    this.#listener = listener;
  }

  close() {
    void this.#synchronizer?.destroy();
    this.#socket.terminate();
  }
}

/** How long it waits for an answer: 100,000 keys take it longer than the second that is its default. */
const SECONDS = 60;
