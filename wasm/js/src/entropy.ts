/** Randomness for the engine, which has none of its own. */

/** Returns 32 bits that nobody can guess. */
export function entropy(): number {
  if (drawn === pool.length) {
    crypto.getRandomValues(pool);
    drawn = 0;
  }
  return pool[drawn++]!;
}

// Asking the platform costs far more than a command, so it is asked for many at once.
const pool = new Uint32Array(1024);
let drawn = pool.length;
