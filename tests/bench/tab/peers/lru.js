/** lru-cache: a cache with room for everything that is put in. It keeps no order by score, and notifies nobody. */

import { LRUCache } from 'lru-cache';

export function open() {
  return new Store();
}

class Store {
  #cache = new LRUCache({ max: MAX });

  get(key) {
    return this.#cache.get(key);
  }

  set(key, value) {
    this.#cache.set(key, value);
  }

  incr(key) {
    this.#cache.set(key, (this.#cache.get(key) ?? 0) + 1);
  }

  hset(key, field, value) {
    const hash = this.#cache.get(key);
    if (hash) hash[field] = value;
    else this.#cache.set(key, { [field]: value });
  }

  push(key, value) {
    const list = this.#cache.get(key);
    if (list) list.push(value);
    else this.#cache.set(key, [value]);
  }

  load(keys, values) {
    for (let index = 0; index < keys.length; index++) this.#cache.set(keys[index], values[index]);
  }

  snapshot() {
    return new TextEncoder().encode(JSON.stringify(this.#cache.dump()));
  }

  restore(bytes) {
    this.#cache = new LRUCache({ max: MAX });
    this.#cache.load(JSON.parse(new TextDecoder().decode(bytes)));
  }
}

/** It takes room for so many at once. */
const MAX = 2 ** 17;
