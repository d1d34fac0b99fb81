/** What the console proposes, hints and explains, and how replies look in the older protocol. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplyNode } from 'sanderling/inspect';
import { completions, help, hint } from '../src/console/help.js';
import { asResp2, printReply } from '../src/console/print.js';
import { COMMANDS } from '../src/commands/index.gen.js';
import { bytesOf, inBytes, inUnits } from '../src/text.js';

test('a command completes in the case in which it was begun', () => {
  assert.ok(completions('get', () => []).some(({ line }) => line === 'getrange'));
  assert.ok(completions('GETR', () => []).some(({ line }) => line === 'GETRANGE'));
  assert.deepEqual(completions('', () => []), []);
});

test('a key completes at its place, and only there', () => {
  const keys = (prefix: string): string[] => [`${prefix}!`];
  assert.deepEqual(completions('get us', keys).map(({ line }) => line), ['get us!']);
  assert.deepEqual(completions('set k us', keys), []);
  assert.deepEqual(completions('del a us', keys).map(({ line }) => line), ['del a us!']);
  assert.deepEqual(completions('ping us', keys), []);
});

test('the hint is what is still to come', () => {
  assert.equal(hint('getrange'), ' key start end');
  assert.equal(hint('getrange k '), 'start end');
  assert.equal(hint('getrange k 1'), ' end');
  assert.equal(hint('getrange k 1 2'), '');
  assert.equal(hint('nothing'), '');
});

test('every command can be explained', () => {
  for (const row of COMMANDS) assert.ok(help([row.name]).includes(row.summary), row.name);
  assert.ok(help(['@string']).includes('GETRANGE'));
  assert.match(help(['nothing']), /no command NOTHING/);
});

test('a reply of RESP3 is shown in the shape of RESP2', () => {
  const string = (text: string): ReplyNode => ({ type: 'string', text, bytes: Uint8Array.from(bytesOf(text)) });
  const score = (value: number): ReplyNode => ({ type: 'double', value, text: String(value) });
  const pair = (name: string, value: number): ReplyNode => ({ type: 'array', items: [string(name), score(value)] });
  const check = (reply: ReplyNode, printed: string): void => assert.equal(printReply(asResp2(reply)), printed);
  check({ type: 'map', entries: [[string('f'), string('v')]] }, '1) "f"\n2) "v"');
  check({ type: 'array', items: [pair('a', 1), pair('b', 2.5)] }, '1) "a"\n2) "1"\n3) "b"\n4) "2.5"');
  check({ type: 'set', items: [string('m')] }, '1) "m"');
  check({ type: 'boolean', value: true }, '(integer) 1');
  check({ type: 'array', items: [] }, '(empty array)');
});

test('numbers are shown as people read them', () => {
  assert.deepEqual([0, 999, 1000, 12_345, 3.2e6].map(inBytes), ['0 B', '999 B', '1.0 KB', '12 KB', '3.2 MB']);
  assert.deepEqual([9_400, 59_900, 245_000, 7_800_000, 276_000_000].map(inUnits), ['9.4s', '59s', '4m 05s', '2h 10m', '3d 4h']);
});
