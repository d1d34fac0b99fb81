/**
 * What hot keys hold, kept on this side of the boundary, so that reading one costs what a `Map` costs.
 *
 * It is exact because its owner drops every key that the engine says has changed before it answers from here. Only
 * strings without a deadline and absent keys are kept. Two generations bound it: when the young one is full it becomes
 * the old one, and what is read there moves over; what is not read for a whole generation is gone.
 *
 * The engine does not see what is read here. Where it has to know, its owner ages the mirror now and then: what is read
 * afterwards moves over again, and is noted.
 */

/** A bounded map from key to string, or to `null` where there is no such key. */
export class Mirror {
  /** The young generation, for the fast way of a reader: what is in it is exact and needs nothing else. */
  young = new Map<string, string | null>();
  #old = new Map<string, string | null>();
  readonly #size: number;
  #room: number;
  #reads: string[] | undefined;

  /** Makes an empty mirror of two generations of `size` code units. */
  constructor(size = ROOM) {
    this.#size = this.#room = size;
  }

  /** What a key holds; `undefined` if the mirror does not know. */
  get(key: string): string | null | undefined {
    const value = this.young.get(key);
    if (value !== undefined) return value;
    const old = this.#old.get(key);
    if (old !== undefined) {
      this.#old.delete(key);
      this.set(key, old);
      if (this.#reads && this.#reads.length < READS_MAX) this.#reads.push(key);
    }
    return old;
  }

  /** Remembers what a key holds. Long values are not worth their memory and are left out. */
  set(key: string, value: string | null): void {
    const size = key.length + (value?.length ?? 0) + ENTRY_SIZE;
    if (size > SIZE_MAX) return;
    if (this.#room < size) this.age();
    this.#room -= size;
    this.young.set(key, value);
  }

  /** Makes the young generation the old one. */
  age(): void {
    this.#old = this.young;
    this.young = new Map();
    this.#room = this.#size;
  }

  /** The keys that were read for the first time since the mirror was aged, and then noted. Begins to note them. */
  takeReads(): readonly string[] {
    const reads = this.#reads ?? [];
    this.#reads = [];
    return reads;
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
    this.#room = this.#size;
  }
}

/** Code units of one generation: 100,000 short keys fit. */
const ROOM = 8 * 1024 * 1024;
/** What an entry takes beside its texts, about. */
const ENTRY_SIZE = 32;
/** Reads that are noted between two looks at them: the others are no less hot, but nobody will miss them. */
const READS_MAX = 1024;
/** The longest entry that is kept. */
const SIZE_MAX = 4096;
