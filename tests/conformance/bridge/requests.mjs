/** Redis's requests out of the bytes of a connection: arrays of bulk strings, and lines of words. */

/** Collects what arrives and hands out whole requests. */
export class Requests {
  #bytes = Buffer.alloc(0);
  #at = 0;
  /** The words of the request that is arriving, and how many are still to come. */
  #words = [];
  #left = 0;

  /** Takes in what has arrived. */
  push(chunk) {
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The words of the next request, none if it hasn't arrived whole. Throws if it isn't one. */
  next() {
    if (this.#left === 0) {
      const first = this.#line();
      if (first === undefined) return undefined;
      if (!first.startsWith('*')) return first.split(/\s+/).filter(Boolean).map((word) => Buffer.from(word, 'latin1'));
      this.#left = Math.max(Number(first.slice(1)), 0);
      this.#words = [];
    }
    while (this.#left > 0) {
      const start = this.#at;
      const word = this.#word();
      if (!word) {
        this.#at = start;
        return undefined;
      }
      this.#words.push(word);
      this.#left -= 1;
    }
    return this.#words;
  }

  #word() {
    const header = this.#line();
    if (header === undefined) return undefined;
    if (!/^\$\d+$/.test(header)) throw new Error(`expected '$', got '${header[0] ?? ''}'`);
    const end = this.#at + Number(header.slice(1));
    if (end + 2 > this.#bytes.length) return undefined;
    const word = this.#bytes.subarray(this.#at, end);
    this.#at = end + 2;
    return word;
  }

  #line() {
    const end = this.#bytes.indexOf('\n', this.#at);
    if (end < 0) return undefined;
    const line = this.#bytes.toString('latin1', this.#at, end).replace(/\r$/, '');
    this.#at = end + 1;
    return line;
  }
}
