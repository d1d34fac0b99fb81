/** What is shown of one key: its type, its deadline, the beginning of its value, and the command that shows all. */

import { quoteWord } from '../console/words.js';

/** What is shown of a key. */
export interface Details {
  readonly type: string;
  /** When it expires by `performance.now()`; `undefined`: never. */
  readonly expiresAt: number | undefined;
  readonly preview: string;
}

/** Runs a command that only reads. */
export type Read = (command: string, ...words: (string | number)[]) => unknown;

/** Reads what is shown of a key; `undefined` when there is no such key. Cost: three calls, of bounded size. */
export function details(key: string, read: Read): Details | undefined {
  const type = String(read('TYPE', key));
  if (type === 'none') return undefined;
  const left = Number(read('PTTL', key));
  return { type, expiresAt: left >= 0 ? performance.now() + left : undefined, preview: preview(key, type, read) };
}

/** Returns the command that shows the value of a key. */
export function commandFor(key: string, type: string): string {
  const word = quoteWord(key);
  switch (type) {
    case 'string':
      return `GET ${word}`;
    case 'hash':
      return `HGETALL ${word}`;
    case 'list':
      return `LRANGE ${word} 0 99`;
    case 'set':
      return `SMEMBERS ${word}`;
    case 'zset':
      return `ZRANGE ${word} 0 99 WITHSCORES`;
    case 'stream':
      return `XRANGE ${word} - + COUNT 100`;
    default:
      return `TYPE ${word}`;
  }
}

function preview(key: string, type: string, read: Read): string {
  switch (type) {
    case 'string':
      return oneLine(String(read('GETRANGE', key, 0, LETTERS_MAX)));
    case 'hash':
      return some(pairs(scanned(read('HSCAN', key, 0, 'COUNT', ITEMS_MAX))), read('HLEN', key), ['{', '}']);
    case 'list':
      return some(texts(read('LRANGE', key, 0, ITEMS_MAX - 1)), read('LLEN', key), ['[', ']']);
    case 'set':
      return some(texts(scanned(read('SSCAN', key, 0, 'COUNT', ITEMS_MAX))), read('SCARD', key), ['{', '}']);
    case 'zset':
      return some(pairs(read('ZRANGE', key, 0, ITEMS_MAX - 1, 'WITHSCORES')), read('ZCARD', key), ['', '']);
    case 'stream':
      return some(entries(read('XREVRANGE', key, '+', '-', 'COUNT', ITEMS_MAX)), read('XLEN', key), ['', '']);
    default:
      return '';
  }
}

/** Returns the first items, and how many there are when that is more. */
function some(items: readonly string[], count: unknown, [open, close]: readonly [string, string]): string {
  const shown = items.slice(0, ITEMS_MAX).map((item) => oneLine(item).slice(0, LETTERS_MAX / 2));
  const total = Number(count);
  return total > shown.length ? `${open}${shown.join(', ')}, …${close} ${total}` : `${open}${shown.join(', ')}${close}`;
}

/** Returns the items of a scan's reply, which begins with the cursor. */
function scanned(reply: unknown): unknown {
  return Array.isArray(reply) ? reply[1] : reply;
}

/** Returns the texts of a flat list. */
function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

/** Returns `name: value` for each pair, whether the pairs come as an object, as arrays of two or one after the other. */
function pairs(reply: unknown): string[] {
  const flat: unknown[] = Array.isArray(reply) ? reply.flat() : Object.entries(reply ?? {}).flat();
  return flat.flatMap((item, index) => (index % 2 === 0 ? [`${String(item)}: ${String(flat[index + 1])}`] : []));
}

/** Returns the entries of a stream: the id, and fields with their values. */
function entries(reply: unknown): string[] {
  const rows: unknown[] = Array.isArray(reply) ? reply : [];
  return rows.flatMap((row) => (Array.isArray(row) ? [`${String(row[0])} {${pairs(row[1]).join(', ')}}`] : []));
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[\u0000-\u001f\u007f\ufffd]/g, '·');
}

const LETTERS_MAX = 120;
const ITEMS_MAX = 6;
