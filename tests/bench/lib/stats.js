/** Quantiles and medians, and how they are printed. */

/** Returns the value below which `share` of the values lie. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** Returns the middle one of several samples, and the smallest and the largest beside it. */
export function middle(samples) {
  const found = samples.filter((sample) => sample !== undefined && sample !== null);
  if (found.length === 0) return undefined;
  return { median: quantile(found, 0.5), min: Math.min(...found), max: Math.max(...found) };
}

/** Takes the middle of every figure of several samples, also of those within figures. */
export function summary(samples) {
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  return Object.fromEntries(
    names.map((name) => {
      const all = samples.map((sample) => sample[name]).filter((value) => value !== undefined && value !== null);
      return [name, typeof all[0] === 'object' ? summary(all) : middle(all)];
    }),
  );
}

/** Waits a moment in which everything else that is ready runs. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for the next turn of the event loop. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Random text that doesn't compress to nothing: base 36, from a generator that starts alike for all. */
export class Text {
  #state = 0x2545f491;

  /** Returns `length` characters. */
  of(length) {
    let text = '';
    while (text.length < length) {
      // xorshift32
      this.#state ^= this.#state << 13;
      this.#state ^= this.#state >>> 17;
      this.#state ^= this.#state << 5;
      text += (this.#state >>> 0).toString(36).padStart(7, '0').slice(0, 6);
    }
    return text.slice(0, length);
  }
}

/** Names the key of a number: eleven characters. */
export const keyOf = (number) => `user:${String(number).padStart(6, '0')}`;
