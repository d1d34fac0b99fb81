/** Seeded randomness for the tests: the seed is in the name of each test that uses it. */

/** A small generator: mulberry32. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed;
  }

  /** Returns an integer from 0 up to but not including `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** Returns a text of up to `max` pieces. */
  text(pieces: readonly string[], max: number): string {
    return Array.from({ length: this.below(max + 1) }, () => this.pick(pieces)).join('');
  }
}

/** The seed of this run: `SEED`, else one of its own. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
