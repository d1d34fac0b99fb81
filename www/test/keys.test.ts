/** The list of keys, against a plain model. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyList } from '../src/keys/model.js';
import { matcher } from '../src/keys/glob.js';
import { Random, SEED } from './random.js';

test(`the list equals a filtered, sorted set after any changes (SEED=${SEED})`, () => {
  const random = new Random(SEED);
  const names = (): string => random.text(['a', 'b', ':', '1', 'é', 'Z'], 4);
  const list = new KeyList();
  let model = new Set<string>();
  let filter = '';
  for (let round = 0; round < 3_000; round += 1) {
    const kind = random.below(100);
    if (kind < 1) {
      model = new Set(Array.from({ length: random.below(50) }, names));
      list.reset(model);
    } else if (kind < 4) {
      filter = random.pick(['', 'a', 'a*', '*:*', '?', '[ab]*', '[^a]?', 'zz']);
      list.filter(filter);
    } else {
      const key = names();
      const present = random.below(2) === 1;
      assert.equal(list.set(key, present), model.has(key) !== present);
      if (present) model.add(key);
      else model.delete(key);
    }
    const matches = matcher(filter);
    assert.deepEqual(list.shown, [...model].filter(matches).sort());
    assert.equal(list.count, model.size);
    const prefix = names();
    assert.deepEqual(list.startingWith(prefix, 3), [...model].filter((key) => key.startsWith(prefix)).sort().slice(0, 3));
  }
});

test('a filter is a glob, or a part of the name', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['', ['', 'a'], []],
    ['er:4', ['user:42'], ['user:3']],
    ['user:*', ['user:', 'user:42'], ['a:user:', 'use']],
    ['h?llo', ['hello', 'hxllo', 'h\nllo'], ['hllo', 'heello']],
    ['h[ae]llo', ['hello', 'hallo'], ['hillo']],
    ['h[^e]llo', ['hallo'], ['hello']],
    ['h[b-a]llo', ['hallo', 'hbllo'], ['hcllo']],
    ['[]x', [], ['x', '[]x']],
    ['a\\*', ['a*'], ['ab']],
    ['*[\\]]', [']', 'x]'], ['x']],
    ['a.+(b)*', ['a.+(b)c'], ['aab']],
  ];
  for (const [filter, yes, no] of cases) {
    for (const key of yes) assert.ok(matcher(filter)(key), `${filter} matches ${key}`);
    for (const key of no) assert.ok(!matcher(filter)(key), `${filter} does not match ${key}`);
  }
});
