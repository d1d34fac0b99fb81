/**
 * Sanderling, as a page uses it: the commands are methods. Stored and connected to a server, or with its memory alone;
 * in both cases every write is a command that the server is to be told of.
 */

export async function open({ load, storage, url, WebSocket }) {
  const { open } = await load();
  const options = { name: 'bench', storage: storage ?? 'memory', ...(url && { url, WebSocket }) };
  const db = await open(options);
  const store = new Store(db, open, options);
  if (url) await store.rest();
  return store;
}

class Store {
  #open;
  #options;

  constructor(db, open, options) {
    this.db = db;
    this.#open = open;
    this.#options = options;
    this.isStored = options.storage !== 'memory';
  }

  get(key) {
    return this.db.get(key);
  }

  set(key, value) {
    this.db.set(key, value);
  }

  incr(key) {
    this.db.incr(key);
  }

  hset(key, field, value) {
    this.db.hset(key, field, value);
  }

  push(key, value) {
    this.db.rpush(key, value);
  }

  zadd(member, score) {
    this.db.zadd('scores', score, member);
  }

  top() {
    return this.db.zrange('scores', 0, 9, 'REV');
  }

  load(keys, values) {
    for (let from = 0; from < keys.length; from += BATCH) {
      const words = [];
      for (let index = from; index < Math.min(keys.length, from + BATCH); index++) words.push(keys[index], values[index]);
      this.db.mset(words);
    }
  }

  zload(members, scores) {
    for (let from = 0; from < members.length; from += BATCH) {
      const words = [];
      for (let index = from; index < Math.min(members.length, from + BATCH); index++) words.push(scores[index], members[index]);
      this.db.zadd('scores', words);
    }
  }

  watch(key, listener) {
    this.db.subscribeKey(key, listener);
  }

  /** Waits until the server has everything, where there is one, and the storage, where there is one. */
  async rest() {
    if (this.#options.url) await this.db.settled();
    await this.db.stored();
  }

  stored() {
    return this.db.stored();
  }

  async close() {
    await this.db.close();
  }

  /** Comes back to what is stored, without a connection: what is there is to be read at once. */
  async reopen() {
    this.db = await this.#open({ ...this.#options, connect: false });
  }
}

/** Pairs of one command. */
const BATCH = 1000;
