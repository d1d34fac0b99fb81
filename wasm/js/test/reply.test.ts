/** Replies and texts, against what wrote them. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { SanderlingError } from '../src/errors.js';
import { readNode } from '../src/inspect.js';
import { readReply, type Reply } from '../src/reply.js';
import { isWellFormed, readText, writeText } from '../src/text.js';
import { Random, withSeeds } from './engine.js';

/** Writes a value as the engine would. */
function write(value: unknown): string {
  if (value === null) return '_\r\n';
  if (typeof value === 'string') return `$${Buffer.byteLength(value)}\r\n${value}\r\n`;
  if (typeof value === 'bigint') return `:${value}\r\n`;
  if (typeof value === 'number') return Number.isInteger(value) ? `:${value}\r\n` : `,${String(value).replace('Infinity', 'inf')}\r\n`;
  if (typeof value === 'boolean') return `#${value ? 't' : 'f'}\r\n`;
  if (value instanceof SanderlingError) return `-${value.message}\r\n`;
  if (Array.isArray(value)) return `*${value.length}\r\n${value.map(write).join('')}`;
  const fields = Object.entries(value as object);
  return `%${fields.length}\r\n${fields.map(([field, value]) => write(field) + write(value)).join('')}`;
}

function read(text: string, before = ''): Reply {
  return readReply(bytesOf(before + text), Buffer.byteLength(before), false);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

const TEXTS = ['', 'a', 'x'.repeat(31), 'y'.repeat(32), 'z'.repeat(33), 'w'.repeat(5000), 'é', '\ufeffmark', '日本', '😀', '\r\n', '\0', '__proto__'];

function anyValue(random: Random, depth: number): unknown {
  const kinds = depth > 0 ? 9 : 7;
  switch (random.below(kinds)) {
    case 0:
      return null;
    case 1:
      return random.below(2) === 1;
    case 2:
      return random.pick([0, 1, -1, 2 ** 53 - 1, -(2 ** 53) + 1, random.below(1e9)]);
    case 3:
      return random.pick([2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n]);
    case 4:
      return random.pick([0.5, -1.25e-7, Infinity, -Infinity, 3.0000000000000004]);
    case 5:
    case 6:
      return random.pick(TEXTS);
    case 7:
      return Array.from({ length: random.below(5) }, () => anyValue(random, depth - 1));
    default: {
      const fields: { [field: string]: unknown } = {};
      for (let count = random.below(5); count > 0; count--)
        Object.defineProperty(fields, random.pick(TEXTS), { value: anyValue(random, depth - 1), enumerable: true, configurable: true, writable: true });
      return fields;
    }
  }
}

test('a reply is read as it was written, wherever it stands', () =>
  withSeeds(300, (random) => {
    const value = anyValue(random, 3);
    assert.deepEqual(read(write(value), random.pick(TEXTS)), value);
  }));

test('errors, statuses, sets, verbatim strings and nulls have their forms', () => {
  const check = (text: string, expected: Reply): void => assert.deepEqual(read(text), expected);
  check('+OK\r\n', 'OK');
  check('~2\r\n:1\r\n:2\r\n', [1, 2]);
  check('=8\r\ntxt:four\r\n', 'four');
  check('(123456789012345678901234567890\r\n', 123456789012345678901234567890n);
  const error = read('-WRONGTYPE Operation against\r\n');
  assert.ok(error instanceof SanderlingError);
  assert.equal(error.code, 'WRONGTYPE');
  assert.equal(error.message, 'WRONGTYPE Operation against');
});

test('as bytes, a string is what it was, and field names stay text', () => {
  const bytes = Buffer.concat([Buffer.from('%1\r\n$1\r\nf\r\n$3\r\n'), Buffer.from([0xff, 0, 0x80]), Buffer.from('\r\n')]);
  assert.deepEqual(readReply(new Uint8Array(bytes), 0, true), { f: new Uint8Array([0xff, 0, 0x80]) });
});

test('a tree says what each part is', () => {
  assert.deepEqual(readNode(bytesOf('*3\r\n+OK\r\n$2\r\nhi\r\n-ERR no\r\n')), {
    type: 'array',
    items: [
      { type: 'status', text: 'OK', bytes: bytesOf('OK') },
      { type: 'string', text: 'hi', bytes: bytesOf('hi') },
      { type: 'error', text: 'ERR no', bytes: bytesOf('ERR no') },
    ],
  });
  assert.deepEqual(readNode(bytesOf('%1\r\n:1\r\n,2.50\r\n')), {
    type: 'map',
    entries: [[{ type: 'integer', value: 1 }, { type: 'double', value: 2.5, text: '2.50' }]],
  });
});

test('a malformed reply is an error, not a guess', () => {
  for (const text of ['', '!', ':12', ':1x\r\n', '*1\r\n', '+OK']) {
    assert.throws(() => read(text), { code: 'ENGINE' }, JSON.stringify(text));
    assert.throws(() => readNode(bytesOf(text)), SyntaxError, JSON.stringify(text));
  }
});

test('a text is written as the platform encodes it, and read back', () =>
  withSeeds(300, (random) => {
    const units = Array.from({ length: random.below(200) }, () =>
      random.pick([65 + random.below(26), random.below(128), random.below(0x800), 0xd800 + random.below(0x800), random.below(0x10000)]),
    );
    const text = random.below(2) ? String.fromCharCode(...units) : String.fromCharCode(...units.map((unit) => unit & 0x7f));
    const bytes = new Uint8Array(text.length * 3 + 8);
    const end = writeText(bytes, 5, text);
    assert.deepEqual(bytes.subarray(5, end), new TextEncoder().encode(text));
    const back = readText(bytes, 5, end);
    assert.equal(back === text, isWellFormed(text));
  }));
