/** The floor: no store but a map, no conflicts, nothing that is known to have arrived. */

/** One message a write. */
export const plain = {
  name: 'plain relay',
  packages: ['ws'],
  settled: 'nothing: what is sent is forgotten',
  server: 'relay.js',
  path: '/',
  open: (url, WebSocket) => new Client(url, WebSocket, false),
};

/** One message for all the writes of a tick. */
export const batched = { ...plain, name: 'batched relay', open: (url, WebSocket) => new Client(url, WebSocket, true) };

class Client {
  #map = new Map();
  #socket;
  #batched;
  #waiting = [];
  #listener = () => undefined;

  constructor(url, WebSocket, batched) {
    this.#batched = batched;
    this.#socket = new WebSocket(url);
    this.ready = new Promise((resolve) => {
      this.#socket.onmessage = ({ data }) => {
        this.#receive(JSON.parse(data));
        resolve();
      };
    });
  }

  set(key, value) {
    this.#map.set(key, value);
    if (!this.#batched) return this.#socket.send(JSON.stringify({ k: key, v: value }));
    if (this.#waiting.push([key, value]) > 1) return;
    queueMicrotask(() => this.#socket.send(JSON.stringify(this.#waiting.splice(0))));
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
    this.#socket.terminate();
  }

  #receive(message) {
    if (!Array.isArray(message)) {
      this.#map.set(message.k, message.v);
      this.#listener([message.k]);
      return;
    }
    for (const [key, value] of message) this.#map.set(key, value);
    this.#listener(message.map(([key]) => key));
  }
}
