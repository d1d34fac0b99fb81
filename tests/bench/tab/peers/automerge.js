/** automerge: one immutable document, each write a change; values are immutable strings, or each would be a text. */

import * as Automerge from '@automerge/automerge';
import { topOf } from '../top.js';

export function open() {
  return new Store();
}

const { ImmutableString } = Automerge;

class Store {
  #document = Automerge.from({ keys: {}, counters: {}, hashes: {}, lists: {}, scores: {} });
  #listeners = new Map();
  #options = {};

  #change(change) {
    this.#document = Automerge.change(this.#document, this.#options, change);
  }

  get(key) {
    return this.#document.keys[key]?.val;
  }

  set(key, value) {
    this.#change(({ keys }) => (keys[key] = new ImmutableString(value)));
  }

  incr(key) {
    this.#change(({ counters }) => (counters[key] = (counters[key] ?? 0) + 1));
  }

  hset(key, field, value) {
    this.#change(({ hashes }) => ((hashes[key] ??= {})[field] = new ImmutableString(value)));
  }

  push(key, value) {
    this.#change(({ lists }) => {
      lists[key] ??= [];
      lists[key].push(new ImmutableString(value));
    });
  }

  zadd(member, score) {
    this.#change(({ scores }) => (scores[member] = score));
  }

  top() {
    return topOf(Object.entries(this.#document.scores));
  }

  load(names, values) {
    this.#change(({ keys }) => {
      for (let index = 0; index < names.length; index++) keys[names[index]] = new ImmutableString(values[index]);
    });
  }

  zload(members, of) {
    this.#change(({ scores }) => {
      for (let index = 0; index < members.length; index++) scores[members[index]] = of[index];
    });
  }

  watch(key, listener) {
    if (this.#listeners.size === 0) {
      const tell = ({ path }) => this.#listeners.get(path[1])?.();
      this.#options = { patchCallback: (patches) => patches.forEach(tell) };
    }
    this.#listeners.set(key, listener);
  }

  snapshot() {
    return Automerge.save(this.#document);
  }

  restore(bytes) {
    this.#document = Automerge.load(bytes);
  }
}
