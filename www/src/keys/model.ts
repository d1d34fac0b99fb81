/** The names of the keys in order, kept true by the replica's changes, and those of them that a filter lets through. */

import { matcher } from './glob.js';

/** An ordered list of keys with a filter. Adding or removing one costs O(log n) comparisons and one shift. */
export class KeyList {
  #all: string[] = [];
  #shown: string[] = this.#all;
  #filter = '';
  #matches = matcher('');

  /** The keys that the filter lets through, in order. */
  get shown(): readonly string[] {
    return this.#shown;
  }

  /** How many keys there are without the filter. */
  get count(): number {
    return this.#all.length;
  }

  /** Takes all keys anew, in whatever order. Cost: a sort. */
  reset(keys: Iterable<string>): void {
    this.#all = [...new Set(keys)].sort();
    this.#refilter();
  }

  /** Sets the filter: a glob, or a part of the name. Cost: O(n). */
  filter(filter: string): void {
    this.#filter = filter;
    this.#matches = matcher(filter);
    this.#refilter();
  }

  /** Says that a key is there, or that it is gone. Returns whether that is new. */
  set(key: string, present: boolean): boolean {
    if (!put(this.#all, key, present)) return false;
    if (this.#shown !== this.#all && this.#matches(key)) put(this.#shown, key, present);
    return true;
  }

  /** Returns the first keys that begin with a text, filtered or not. */
  startingWith(prefix: string, count: number): string[] {
    const found: string[] = [];
    for (let at = place(this.#all, prefix); found.length < count; at += 1) {
      const key = this.#all[at];
      if (!key?.startsWith(prefix)) break;
      found.push(key);
    }
    return found;
  }

  #refilter(): void {
    this.#shown = this.#filter === '' ? this.#all : this.#all.filter(this.#matches);
  }
}

/** Puts a key into an ordered list or takes it out. Returns whether that changed it. */
function put(list: string[], key: string, present: boolean): boolean {
  const at = place(list, key);
  const there = list[at] === key;
  if (there === present) return false;
  if (present) list.splice(at, 0, key);
  else list.splice(at, 1);
  return true;
}

/** Returns where a key stands in an ordered list, or where it would. */
function place(list: readonly string[], key: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
