/** loro: maps and lists of one document. A map has no order by score: all of it is sorted. One commit a run of writes. */

import { LoroDoc, LoroList, LoroMap } from 'loro-crdt';
import { topOf } from '../top.js';

export function open() {
  return new Store();
}

class Store {
  #known = new Map();
  #listeners = new Map();

  constructor() {
    this.#use(new LoroDoc());
  }

  #use(document) {
    this.document = document;
    this.map = document.getMap('keys');
    this.hashes = document.getMap('hashes');
    this.lists = document.getMap('lists');
    this.scores = document.getMap('scores');
    this.#known.clear();
  }

  get(key) {
    return this.map.get(key);
  }

  set(key, value) {
    this.map.set(key, value);
  }

  incr(key) {
    this.map.set(key, (this.map.get(key) ?? 0) + 1);
  }

  hset(key, field, value) {
    let hash = this.#known.get(key);
    if (!hash) this.#known.set(key, (hash = this.hashes.setContainer(key, new LoroMap())));
    hash.set(field, value);
  }

  push(key, value) {
    let list = this.#known.get(key);
    if (!list) this.#known.set(key, (list = this.lists.setContainer(key, new LoroList())));
    list.push(value);
  }

  zadd(member, score) {
    this.scores.set(member, score);
  }

  top() {
    return topOf(this.scores.entries());
  }

  flush() {
    this.document.commit();
  }

  load(keys, values) {
    for (let index = 0; index < keys.length; index++) this.map.set(keys[index], values[index]);
    this.document.commit();
  }

  zload(members, scores) {
    for (let index = 0; index < members.length; index++) this.scores.set(members[index], scores[index]);
    this.document.commit();
  }

  watch(key, listener) {
    if (this.#listeners.size === 0)
      this.map.subscribe(({ events }) => {
        for (const { diff } of events) for (const key of Object.keys(diff.updated ?? {})) this.#listeners.get(key)?.();
      });
    this.#listeners.set(key, listener);
  }

  snapshot() {
    return this.document.export({ mode: 'snapshot' });
  }

  restore(bytes) {
    this.#use(LoroDoc.fromSnapshot(bytes));
  }
}
