/**
 * Reading of replies, which the engine writes in RESP3, into the values that a program works with; inspect.ts reads them
 * for a console. The engine wrote the bytes, so a malformed reply is a bug and throws `ENGINE`.
 */

import { replyError, SanderlingError } from './errors.js';
import { readText } from './text.js';

/**
 * What a command answers; `V` is what a string value is, `string` or `Uint8Array`. A `bigint` stands for an integer
 * beyond ±2^53, an error for a part that failed inside a transaction.
 */
export type Reply<V = string> =
  | V
  | string
  | number
  | bigint
  | boolean
  | null
  | SanderlingError
  | Reply<V>[]
  | { [field: string]: Reply<V> };

/** Reads the reply at `start`. An error reply is returned, not thrown. */
export function readReply(bytes: Uint8Array, start: number, binary: false): Reply;
export function readReply(bytes: Uint8Array, start: number, binary: boolean): Reply<Uint8Array<ArrayBuffer>>;
export function readReply(bytes: Uint8Array, start: number, binary: boolean): Reply<Uint8Array<ArrayBuffer>> {
  source = bytes;
  at = start;
  return value(binary);
}

// The reader's place is kept outside of it, so that a reply costs no allocation but its own values.
let source: Uint8Array;
let at = 0;

function value(binary: boolean): Reply<Uint8Array<ArrayBuffer>> {
  const kind = source[at++];
  switch (kind) {
    case Byte.Bulk: {
      const to = bulkEnd();
      const from = at;
      at = to + 2;
      return binary ? source.slice(from, to) : readText(source, from, to);
    }
    case Byte.Integer:
      return integer();
    case Byte.Status:
      return line();
    case Byte.Null:
      at += 2;
      return null;
    case Byte.Array:
    case Byte.Set:
    case Byte.Push: {
      const count = integer() as number;
      const items: Reply<Uint8Array<ArrayBuffer>>[] = [];
      for (let index = 0; index < count; index++) items.push(value(binary));
      return items;
    }
    case Byte.Map: {
      const count = integer() as number;
      const fields: { [field: string]: Reply<Uint8Array<ArrayBuffer>> } = {};
      for (let index = 0; index < count; index++) put(fields, String(value(false)), value(binary));
      return fields;
    }
    case Byte.Double:
      return double(line());
    case Byte.Boolean:
      return line() === 't';
    case Byte.Error:
      return replyError(line());
    case Byte.Verbatim: {
      const to = bulkEnd();
      const from = at + FORMAT_BYTES;
      at = to + 2;
      return readText(source, from, to);
    }
    case Byte.BigNumber:
      return BigInt(line());
    default:
      throw malformed();
  }
}

/** Reads the length of a string and returns where the string ends; it begins at `at`. */
function bulkEnd(): number {
  const length = integer() as number;
  return at + length;
}

function integer(): number | bigint {
  const from = at;
  const negative = source[at] === Byte.Minus;
  if (negative) at++;
  let number = 0;
  let digit: number;
  while ((digit = source[at]! - Byte.Zero) >= 0 && digit <= 9) {
    number = number * 10 + digit;
    at++;
  }
  if (source[at] !== Byte.Cr) throw malformed();
  // Past 2^53 the sum above has lost digits, and the text is read once more.
  if (number > Number.MAX_SAFE_INTEGER) number = NaN;
  at += 2;
  if (number !== number) return BigInt(readText(source, from, at - 2));
  return negative ? -number : number;
}

function line(): string {
  const end = source.indexOf(Byte.Cr, at);
  if (end < 0) throw malformed();
  const text = readText(source, at, end);
  at = end + 2;
  return text;
}

function double(text: string): number {
  if (text === 'inf') return Infinity;
  if (text === '-inf') return -Infinity;
  return Number(text);
}

/** Sets a field of a map, also one that is named as what every object inherits. */
function put<T>(fields: { [field: string]: T }, field: string, value: T): void {
  if (field === '__proto__') {
    Object.defineProperty(fields, field, { value, enumerable: true, configurable: true, writable: true });
  } else fields[field] = value;
}

function malformed(): SanderlingError {
  return new SanderlingError('ENGINE', `the engine wrote a malformed reply (at byte ${at})`);
}

/** The bytes that say what follows, and others that stand for themselves. */
const enum Byte {
  /** `+` */
  Status = 43,
  /** `-` */
  Error = 45,
  /** `:` */
  Integer = 58,
  /** `$` */
  Bulk = 36,
  /** `*` */
  Array = 42,
  /** `%` */
  Map = 37,
  /** `~` */
  Set = 126,
  /** `>` */
  Push = 62,
  /** `_` */
  Null = 95,
  /** `#` */
  Boolean = 35,
  /** `,` */
  Double = 44,
  /** `=` */
  Verbatim = 61,
  /** `(` */
  BigNumber = 40,
  /** `\r` */
  Cr = 13,
  /** `-` */
  Minus = 45,
  /** `0` */
  Zero = 48,
}

/** A verbatim string begins with its format, `txt:`. */
const FORMAT_BYTES = 4;
