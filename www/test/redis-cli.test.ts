/** The console splits lines and prints replies as redis-cli does: redis-cli itself is the model. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplyNode } from 'sanderling/inspect';
import { printReply } from '../src/console/print.js';
import { quoteBytes, quoteWord, splitWords } from '../src/console/words.js';
import { bytesOf } from '../src/text.js';
import { redisCli } from './fake-server.js';
import { Random, SEED } from './random.js';

test(`lines are split as redis-cli splits them (SEED=${SEED})`, async () => {
  const random = new Random(SEED);
  const pieces = ['a', 'Z', ' ', '  ', '\t', '"', '"', "'", '\\', '\\n', '\\x41', '\\xfF', '\\xg1', '\\"', "\\'", 'é', '☃', ',', '" ', "' "];
  // Every line begins with a word, so that redis-cli takes it for a call and not for one of its own.
  const lines = Array.from({ length: 400 }, () => `echo ${random.text(pieces, 9)}`);
  const { printed, calls } = await redisCli(`${lines.join('\n')}\n`, []);
  let call = 0;
  const refused = printed.split('\n').filter((line) => line === 'Invalid argument(s)').length;
  let ours = 0;
  for (const line of lines) {
    const words = splitWords(line);
    if (!words) {
      ours += 1;
      continue;
    }
    assert.deepEqual(words, calls[call], JSON.stringify(line));
    call += 1;
  }
  assert.equal(call, calls.length);
  assert.equal(ours, refused);
  assert.ok(call > 50 && refused > 50, 'the lines are of both kinds');
});

test(`replies are printed as redis-cli prints them (SEED=${SEED})`, async () => {
  const random = new Random(SEED);
  const replies = Array.from({ length: 300 }, () => randomReply(random, 3));
  const { printed } = await redisCli('echo x\n'.repeat(replies.length), replies.map(encode));
  const expected = replies.map((reply) => `${printReply(reply)}\n`).join('');
  // redis-cli prints bytes; the texts of statuses and errors are ASCII here, and everything else is escaped.
  assert.equal(expected, printed);
});

test('a quoted word is read back as it was', () => {
  const random = new Random(SEED);
  for (let round = 0; round < 300; round += 1) {
    const word = Uint8Array.from({ length: random.below(12) }, () => random.below(256));
    assert.deepEqual(splitWords(`x ${quoteWord(word)} ${quoteBytes(word)}`)?.slice(1), [word, word]);
  }
});

function randomReply(random: Random, depth: number): ReplyNode {
  const kinds = ['status', 'error', 'integer', 'double', 'boolean', 'null', 'string', 'verbatim', 'array', 'set', 'map'] as const;
  const kind = random.pick(depth === 0 ? kinds.slice(0, 8) : kinds);
  const items = (): ReplyNode[] => Array.from({ length: random.pick([0, 1, 2, 3, 12]) }, () => randomReply(random, depth - 1));
  switch (kind) {
    case 'status':
    case 'error':
      return texted(kind, random.pick(['OK', 'ERR no such key', 'WRONGTYPE Operation', 'QUEUED']));
    case 'verbatim':
      return texted(kind, random.pick(['a report', '# Server', 'two\nlines']));
    case 'string':
      return texted(kind, random.text(['a', ' ', '"', '\\', '\n', '\r', '\t', '\u0007', '\b', '\u0000', '\u007f', 'é', '☃', "'"], 8));
    case 'integer':
      return { type: kind, value: random.below(2_000_000) - 1_000_000 };
    case 'double':
      return { type: kind, value: 1.5, text: random.pick(['1.5', '-3', '0.25', '17']) };
    case 'boolean':
      return { type: kind, value: random.below(2) === 1 };
    case 'null':
      return { type: kind };
    case 'map':
      return { type: kind, entries: items().map((item) => [randomReply(random, 0), item]) };
    default:
      return { type: kind, items: items() };
  }
}

function texted(type: 'status' | 'error' | 'string' | 'verbatim', text: string): ReplyNode {
  return { type, text, bytes: Uint8Array.from(bytesOf(text)) };
}

/** Returns the RESP3 of a reply, one character a byte. */
function encode(reply: ReplyNode): string {
  switch (reply.type) {
    case 'status':
      return `+${reply.text}\r\n`;
    case 'error':
      return `-${reply.text}\r\n`;
    case 'integer':
      return `:${reply.value}\r\n`;
    case 'double':
      return `,${reply.text}\r\n`;
    case 'boolean':
      return `#${reply.value ? 't' : 'f'}\r\n`;
    case 'null':
      return '_\r\n';
    case 'string':
      return `$${reply.bytes.length}\r\n${Buffer.from(reply.bytes).toString('latin1')}\r\n`;
    case 'verbatim':
      return `=${reply.bytes.length + 4}\r\ntxt:${reply.text}\r\n`;
    case 'map':
      return `%${reply.entries.length}\r\n${reply.entries.flat().map(encode).join('')}`;
    default:
      return `${reply.type === 'set' ? '~' : '*'}${reply.items.length}\r\n${reply.items.map(encode).join('')}`;
  }
}
