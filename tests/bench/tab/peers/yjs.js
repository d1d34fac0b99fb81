/** yjs: maps and arrays of one document. A map has no order by score: all of it is sorted. */

import * as Y from 'yjs';
import { topOf } from '../top.js';

export function open() {
  return new Store();
}

class Store {
  #listeners = new Map();

  constructor() {
    this.#use(new Y.Doc());
  }

  #use(document) {
    this.document = document;
    this.map = document.getMap('keys');
    this.hashes = document.getMap('hashes');
    this.lists = document.getMap('lists');
    this.scores = document.getMap('scores');
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
    let hash = this.hashes.get(key);
    if (!hash) this.hashes.set(key, (hash = new Y.Map()));
    hash.set(field, value);
  }

  push(key, value) {
    let list = this.lists.get(key);
    if (!list) this.lists.set(key, (list = new Y.Array()));
    list.push([value]);
  }

  zadd(member, score) {
    this.scores.set(member, score);
  }

  top() {
    return topOf(this.scores.entries());
  }

  load(keys, values) {
    this.document.transact(() => {
      for (let index = 0; index < keys.length; index++) this.map.set(keys[index], values[index]);
    });
  }

  zload(members, scores) {
    this.document.transact(() => {
      for (let index = 0; index < members.length; index++) this.scores.set(members[index], scores[index]);
    });
  }

  watch(key, listener) {
    if (this.#listeners.size === 0) this.map.observe((event) => event.keysChanged.forEach((key) => this.#listeners.get(key)?.()));
    this.#listeners.set(key, listener);
  }

  snapshot() {
    return Y.encodeStateAsUpdate(this.document);
  }

  restore(bytes) {
    const document = new Y.Doc();
    Y.applyUpdate(document, bytes);
    this.#use(document);
  }
}
