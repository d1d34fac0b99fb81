/** JavaScript's own `Map`: the limit. It notifies nobody and merges nothing. */

import { topOf } from '../top.js';

export function open() {
  return new Store();
}

class Store {
  #map = new Map();
  #hashes = new Map();
  #lists = new Map();
  #scores = new Map();

  get(key) {
    return this.#map.get(key);
  }

  set(key, value) {
    this.#map.set(key, value);
  }

  incr(key) {
    this.#map.set(key, (this.#map.get(key) ?? 0) + 1);
  }

  hset(key, field, value) {
    let hash = this.#hashes.get(key);
    if (!hash) this.#hashes.set(key, (hash = new Map()));
    hash.set(field, value);
  }

  push(key, value) {
    const list = this.#lists.get(key);
    if (list) list.push(value);
    else this.#lists.set(key, [value]);
  }

  zadd(member, score) {
    this.#scores.set(member, score);
  }

  top() {
    return topOf(this.#scores);
  }

  load(keys, values) {
    for (let index = 0; index < keys.length; index++) this.#map.set(keys[index], values[index]);
  }

  zload(members, scores) {
    for (let index = 0; index < members.length; index++) this.#scores.set(members[index], scores[index]);
  }

  snapshot() {
    return new TextEncoder().encode(JSON.stringify([...this.#map]));
  }

  restore(bytes) {
    this.#map = new Map(JSON.parse(new TextDecoder().decode(bytes)));
  }
}
