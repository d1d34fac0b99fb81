/**
 * `sanderling/inspect`: replies as trees that say what each part is, for consoles and other tools.
 *
 * A program that works with values never loads this. It stands alone: what it reads are the bytes that
 * `Sanderling.callRaw` returns, a reply in RESP3.
 */

import type { Sanderling } from './client.js';
import type { Args } from './crossing.js';

/** A reply in which each part says what it is. */
export type ReplyNode =
  | { type: 'status' | 'error' | 'string' | 'verbatim'; text: string; bytes: Uint8Array<ArrayBuffer> }
  | { type: 'integer'; value: number | bigint }
  | { type: 'double'; value: number; text: string }
  | { type: 'boolean'; value: boolean }
  | { type: 'null' }
  | { type: 'array' | 'set' | 'push'; items: ReplyNode[] }
  | { type: 'map'; entries: [ReplyNode, ReplyNode][] };

/** Runs any command on a replica and returns its reply as a tree. An error reply is not thrown. */
export function inspect(db: Sanderling, name: string, ...args: Args[]): ReplyNode {
  return readNode(db.callRaw(name, ...args));
}

/** Reads one reply as a tree. Throws a `SyntaxError` if it is not RESP3, or not whole. */
export function readNode(bytes: Uint8Array<ArrayBuffer>): ReplyNode {
  let at = 0;

  const line = (): Uint8Array<ArrayBuffer> => {
    const from = at;
    const end = bytes.indexOf(CR, at);
    if (end < 0) throw malformed();
    at = end + 2;
    return bytes.slice(from, end);
  };
  const integer = (): number | bigint => {
    const digits = decoder.decode(line());
    if (!/^-?\d+$/.test(digits)) throw malformed();
    const number = Number(digits);
    return Number.isSafeInteger(number) ? number : BigInt(digits);
  };
  const bulk = (): Uint8Array<ArrayBuffer> => {
    const length = Number(integer());
    if (at + length + 2 > bytes.length) throw malformed();
    const from = at;
    at += length + 2;
    return bytes.slice(from, from + length);
  };
  const many = <T>(read: () => T): T[] => {
    const items: T[] = [];
    for (let count = Number(integer()); count > 0; count--) items.push(read());
    return items;
  };
  const malformed = (): SyntaxError => new SyntaxError(`the reply is malformed at byte ${at}`);

  const node = (): ReplyNode => {
    const kind = String.fromCharCode(bytes[at++] ?? 0);
    switch (kind) {
      case '+':
        return text('status', line());
      case '-':
        return text('error', line());
      case '$':
        return text('string', bulk());
      case '=':
        return text('verbatim', bulk().slice(FORMAT_BYTES));
      case ':':
      case '(':
        return { type: 'integer', value: integer() };
      case ',': {
        const text = decoder.decode(line());
        return { type: 'double', value: Number(text.replace('inf', 'Infinity')), text };
      }
      case '#':
        return { type: 'boolean', value: line()[0] === TRUE };
      case '_':
        line();
        return { type: 'null' };
      case '*':
        return { type: 'array', items: many(node) };
      case '~':
        return { type: 'set', items: many(node) };
      case '>':
        return { type: 'push', items: many(node) };
      case '%':
        return { type: 'map', entries: many(() => [node(), node()]) };
      default:
        throw malformed();
    }
  };
  return node();
}

function text(type: 'status' | 'error' | 'string' | 'verbatim', bytes: Uint8Array<ArrayBuffer>): ReplyNode {
  return { type, text: decoder.decode(bytes), bytes };
}

const CR = 13;
const TRUE = 't'.charCodeAt(0);
/** A verbatim string begins with its format, `txt:`. */
const FORMAT_BYTES = 4;
// Without `ignoreBOM` a value that begins with U+FEFF would lose it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
