/**
 * What hot keys hold, kept on this side of the boundary, so that reading one costs what a `Map` costs.
 *
 * It is exact because its owner drops every key that the engine says has changed before it answers from here. Only
 * strings without a deadline and absent keys are kept. Two generations bound it: when the young one is full it becomes
 * the old one, and what is read there moves over; what is not read for a whole generation is gone.
 */

/** A bounded map from key to string, or to `null` where there is no such key. */
export class Mirror {
  /** The young generation, for the fast way of a reader: what is in it is exact and needs nothing else. */
  young = new Map<string, string | null>();
  #old = new Map<string, string | null>();
  #room = ROOM;

  /** What a key holds; `undefined` if the mirror does not know. */
  get(key: string): string | null | undefined {
    const value = this.young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.set(key, old);
    }
    return old;
  }

  /** Remembers what a key holds. Long values are not worth their memory and are left out. */
  set(key: string, value: string | null): void {
    const size = key.length + (value?.length ?? 0) + ENTRY_SIZE;
    if (size > SIZE_MAX) return;
    if (this.#room < size) {
      this.#old = this.young;
      this.young = new Map();
      this.#room = ROOM;
    }
    this.#room -= size;
    this.young.set(key, value);
  }

  /** Forgets a key. */
  drop(key: string): void {
    this.young.delete(key);
    this.#old.delete(key);
  }

  /** Forgets everything. */
  clear(): void {
    this.young = new Map();
    this.#old = new Map();
    this.#room = ROOM;
  }
}

/** Code units of one generation: 100,000 short keys fit. */
const ROOM = 8 * 1024 * 1024;
/** What an entry takes beside its texts, about. */
const ENTRY_SIZE = 32;
/** The longest entry that is kept. */
const SIZE_MAX = 4096;
