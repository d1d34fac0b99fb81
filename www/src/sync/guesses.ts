/** What the console's writes were and what the replica guessed of them, to say later what the server decided instead. */

import type { Reply } from 'sanderling';
import type { ReplyNode } from 'sanderling/inspect';
import { asResp2, printReply } from '../console/print.js';
import { quoteWord } from '../console/words.js';

/** The last guesses by the number of their command; older ones are forgotten. */
export class Guesses {
  readonly #guesses = new Map<number, { readonly command: string; readonly reply: string }>();

  /** Remembers a command and the replica's own reply to it. */
  add(seq: number, words: readonly (string | Uint8Array)[], reply: ReplyNode): void {
    this.#guesses.set(seq, { command: short(words.map(quoteWord).join(' ')), reply: short(printReply(asResp2(reply))) });
    for (const oldest of this.#guesses.keys()) {
      if (this.#guesses.size <= GUESSES_MAX) break;
      this.#guesses.delete(oldest);
    }
  }

  /** Says that the server replied otherwise. */
  corrected(seq: number, reply: Reply): string {
    const guess = this.#guesses.get(seq);
    const decided = short(valueText(reply));
    return guess ? `${guess.command} → ${decided}; this replica had guessed ${guess.reply}` : `write ${seq} → ${decided}`;
  }

  /** Says that the server refused. */
  refused(seq: number, error: string): string {
    return `${this.#guesses.get(seq)?.command ?? `write ${seq}`} → ${short(error)}; it was taken back`;
  }
}

/** Returns a value as the console would print it, on one line. */
function valueText(value: Reply): string {
  if (value === null) return '(nil)';
  if (typeof value === 'number' || typeof value === 'bigint') return `(integer) ${value}`;
  if (typeof value === 'string') return JSON.stringify(value);
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
}

function short(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > LETTERS_MAX ? `${line.slice(0, LETTERS_MAX)}…` : line;
}

const GUESSES_MAX = 1_000;
const LETTERS_MAX = 120;
