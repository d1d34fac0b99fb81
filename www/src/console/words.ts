/**
 * Splits a line into the words of a command, with the quoting that redis-cli has.
 *
 * ```text
 *   set "a b\n\x00" 'it\'s'   →   set | a b⏎␀ | it's
 * ```
 * A quote opens anywhere in a word and must be followed by a space or the end. Words are bytes, because `\xHH` can
 * write any.
 */

import { bytesOf, textOf } from '../text.js';

/** Returns the words of a line, or `undefined` when a quote isn't closed or is followed by something else. */
export function splitWords(line: string): Uint8Array[] | undefined {
  const input = bytesOf(line);
  const words: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (at < input.length && isSpace(input[at])) at += 1;
    if (at >= input.length) return words;
    const word: number[] = [];
    let quote = 0;
    while (at < input.length || quote !== 0) {
      const byte = input[at];
      if (byte === undefined) return undefined;
      if (quote === DOUBLE && byte === BACKSLASH) {
        const escaped = escape(input, at);
        word.push(escaped.byte);
        at += escaped.length;
        continue;
      }
      if (quote === SINGLE && byte === BACKSLASH && input[at + 1] === SINGLE) {
        word.push(SINGLE);
        at += 2;
        continue;
      }
      at += 1;
      if (quote !== 0) {
        if (byte !== quote) {
          word.push(byte);
          continue;
        }
        if (at < input.length && !isSpace(input[at])) return undefined;
        break;
      }
      if (isSpace(byte)) break;
      if (byte === DOUBLE || byte === SINGLE) quote = byte;
      else word.push(byte);
    }
    words.push(Uint8Array.from(word));
  }
}

/** Returns the word as it must be typed: as it is when it is plain, else between double quotes. */
export function quoteWord(word: Uint8Array | string): string {
  const bytes = typeof word === 'string' ? bytesOf(word) : word;
  const plain = bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f && !NEEDS_QUOTES.has(byte));
  return plain ? textOf(bytes) : quoteBytes(bytes);
}

/** Returns bytes between double quotes, everything that is not printable ASCII escaped. */
export function quoteBytes(bytes: Uint8Array): string {
  let text = '"';
  for (const byte of bytes) {
    const name = NAMES.get(byte);
    if (name !== undefined) text += `\\${name}`;
    else if (byte < 0x20 || byte > 0x7e) text += `\\x${byte.toString(16).padStart(2, '0')}`;
    else text += String.fromCharCode(byte);
  }
  return `${text}"`;
}

/** Reads an escape between double quotes, which begins at `at`: the byte that it stands for, and its length. */
function escape(input: Uint8Array, at: number): { byte: number; length: number } {
  const letter = input[at + 1];
  if (letter === undefined) return { byte: BACKSLASH, length: 1 };
  if (letter === LETTER_X) {
    const digits = String.fromCharCode(...input.subarray(at + 2, at + 4));
    if (/^[0-9a-fA-F]{2}$/.test(digits)) return { byte: Number.parseInt(digits, 16), length: 4 };
  }
  return { byte: CONTROLS.get(letter) ?? letter, length: 2 };
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

const DOUBLE = 0x22;
const SINGLE = 0x27;
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;
const NEEDS_QUOTES = new Set([DOUBLE, SINGLE, BACKSLASH]);
/** The bytes that have a letter, by byte. */
const NAMES = new Map([
  [BACKSLASH, '\\'],
  [DOUBLE, '"'],
  [0x0a, 'n'],
  [0x0d, 'r'],
  [0x09, 't'],
  [0x07, 'a'],
  [0x08, 'b'],
]);
/** The control bytes that letters stand for. */
const CONTROLS = new Map([...NAMES].filter(([byte]) => byte < 0x20).map(([byte, letter]) => [letter.charCodeAt(0), byte]));
