/** Sanderling: the npm package in Node, the native server with its log on disk, synced once a second. */

export const sanderling = {
  name: 'sanderling',
  packages: ['sanderling'],
  settled: 'the server has run the command and appended it to its log, which `--fsync everysec` syncs each second',
  server: 'sanderling',
  path: '/sync',
  async prepare(folder) {
    ({ open } = await import(`${folder}/dist/node.js`));
  },
  open: (url, WebSocket) => new Client(url, WebSocket),
};

let open;

class Client {
  #db;
  #listener = () => undefined;

  constructor(url, WebSocket) {
    this.ready = open({ url, WebSocket, storage: 'memory' }).then(async (db) => {
      this.#db = db;
      db.on('change', ({ keys }) => this.#listener(keys));
      if (db.status.state === 'live') return;
      await new Promise((resolve) => {
        const off = db.on('status', ({ state }) => {
          if (state !== 'live') return;
          off();
          resolve();
        });
      });
    });
  }

  set(key, value) {
    this.#db.set(key, value);
  }

  transaction(run) {
    this.#db.transaction(run);
  }

  get(key) {
    return this.#db.get(key);
  }

  size() {
    return this.#db.dbsize();
  }

  settled() {
    return this.#db.settled();
  }

  onKeys(listener) {
    this.#listener = listener;
  }

  close() {
    void this.#db.close();
  }
}
