/** tinybase: a mergeable store, as its synchronizers want it; values for keys, tables for the rest. */

import { createMergeableStore } from 'tinybase';

export function open() {
  return new Store();
}

class Store {
  #store = createMergeableStore('bench');
  #lengths = new Map();

  get(key) {
    return this.#store.getValue(key);
  }

  set(key, value) {
    this.#store.setValue(key, value);
  }

  incr(key) {
    this.#store.setValue(key, (value) => (value ?? 0) + 1);
  }

  hset(key, field, value) {
    this.#store.setCell('hashes', key, field, value);
  }

  push(key, value) {
    // It has no lists: a row with a cell an element.
    const length = this.#lengths.get(key) ?? 0;
    this.#lengths.set(key, length + 1);
    this.#store.setCell('lists', key, String(length), value);
  }

  zadd(member, score) {
    this.#store.setCell('scores', member, 'score', score);
  }

  top() {
    return this.#store.getSortedRowIds('scores', 'score', true, 0, 10);
  }

  load(keys, values) {
    this.#store.transaction(() => {
      for (let index = 0; index < keys.length; index++) this.#store.setValue(keys[index], values[index]);
    });
  }

  zload(members, scores) {
    this.#store.transaction(() => {
      for (let index = 0; index < members.length; index++) this.zadd(members[index], scores[index]);
    });
  }

  watch(key, listener) {
    this.#store.addValueListener(key, listener);
  }

  snapshot() {
    return new TextEncoder().encode(JSON.stringify(this.#store.getMergeableContent()));
  }

  restore(bytes) {
    this.#store = createMergeableStore('again');
    this.#store.setMergeableContent(JSON.parse(new TextDecoder().decode(bytes)));
  }
}
