/** yjs, a map in a document, through y-websocket. */

import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';

export const yjs = {
  name: 'y-websocket',
  packages: ['yjs', 'y-websocket', '@y/websocket-server'],
  settled: 'nothing: an update is not acknowledged',
  server: 'yjs.js',
  path: '',
  open: (url, WebSocket) => new Client(url, WebSocket),
};

class Client {
  #document = new Y.Doc();
  #map = this.#document.getMap('bench');
  #provider;
  #listener = () => undefined;

  constructor(url, WebSocket) {
    this.#provider = new WebsocketProvider(url, 'bench', this.#document, {
      WebSocketPolyfill: WebSocket,
      // Otherwise the two clients would talk past the server, in one process.
      disableBc: true,
    });
    this.#map.observe((event) => this.#listener([...event.keysChanged]));
    this.ready = new Promise((resolve) => this.#provider.once('sync', resolve));
  }

  set(key, value) {
    this.#map.set(key, value);
  }

  transaction(run) {
    this.#document.transact(run);
  }

  get(key) {
    return this.#map.get(key);
  }

  size() {
    return this.#map.size;
  }

  onKeys(listener) {
    this.#listener = listener;
  }

  close() {
    this.#provider.destroy();
    this.#document.destroy();
  }
}
