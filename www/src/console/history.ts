/** The lines that were entered, newest last, kept from visit to visit, with a place in them. */

import { store, stored } from '../dom.js';

/** Lines to walk through with the arrow keys. */
export class History {
  #lines: string[];
  /** How far back the walk is; 0: at the line that is being typed. */
  #back = 0;
  #draft = '';

  constructor() {
    this.#lines = read();
  }

  /** Adds a line, unless it repeats the last one or carries a password, and ends the walk. */
  add(line: string): void {
    this.#back = 0;
    if (line === this.#lines.at(-1) || /^\s*(auth|hello\s.*auth)\b/i.test(line)) return;
    this.#lines.push(line);
    this.#lines.splice(0, this.#lines.length - LINES_MAX);
    store('history', JSON.stringify(this.#lines));
  }

  /** Goes one line back; the line being typed is kept. Returns what to show. */
  older(current: string): string {
    if (this.#back === 0) this.#draft = current;
    this.#back = Math.min(this.#back + 1, this.#lines.length);
    return this.#shown();
  }

  /** Goes one line forward, in the end to what was being typed. Returns what to show, `undefined` at the end. */
  newer(): string | undefined {
    if (this.#back === 0) return undefined;
    this.#back -= 1;
    return this.#shown();
  }

  #shown(): string {
    return this.#back === 0 ? this.#draft : (this.#lines.at(-this.#back) ?? '');
  }
}

function read(): string[] {
  try {
    const lines: unknown = JSON.parse(stored('history') ?? '[]');
    return Array.isArray(lines) ? lines.filter((line) => typeof line === 'string').slice(-LINES_MAX) : [];
  } catch {
    return [];
  }
}

const LINES_MAX = 500;
