/**
 * Sanderling, as a page uses it: the commands are methods. It is connected to a server, so every write is a command that
 * is sent and acknowledged; stored as well, or not.
 */

import { turn } from '../turn.js';

export async function open({ load, storage, url, WebSocket }) {
  const { open } = await load();
  const options = { name: 'bench', storage: storage ?? 'memory', url, WebSocket };
  return new Store(await open(options), open, options);
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

  async load(keys, values) {
    for (let from = 0; from < keys.length; from += BATCH) {
      const words = [];
      for (let index = from; index < Math.min(keys.length, from + BATCH); index++) words.push(keys[index], values[index]);
      this.db.mset(words);
      await turn();
    }
  }

  async zload(members, scores) {
    for (let from = 0; from < members.length; from += BATCH) {
      const words = [];
      for (let index = from; index < Math.min(members.length, from + BATCH); index++) words.push(scores[index], members[index]);
      this.db.zadd('scores', words);
      await turn();
    }
  }

  watch(key, listener) {
    this.db.subscribeKey(key, listener);
  }

  /** Waits until the server and the storage have everything. */
  async rest() {
    await this.db.settled();
    await this.db.stored();
  }

  /** Waits for the server if it is far behind: a replica keeps no more than 100,000 commands that it hasn't acknowledged. */
  async breathe() {
    if (this.db.status.pending > PENDING_MAX) await this.db.settled();
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

const PENDING_MAX = 50_000;
/** Pairs of one command. */
const BATCH = 1000;
