/** Globs, against the engine's own. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { isPlain, matches } from '../src/glob.js';
import { open, withSeeds } from './engine.js';

test('a glob matches here what KEYS matches in the engine', async () => {
  const db = await open({ name: 'glob' });
  await withSeeds(400, (random) => {
    const word = (letters: string, length: number): string =>
      Array.from({ length: random.below(length) }, () => random.pick([...letters])).join('');
    const glob = word('aabc**?[]^-\\', 9);
    const key = 'k' + word('abc]-^[*', 7);
    db.set(key, '1');
    const found = db.keys('k' + glob).includes(key);
    assert.equal(matches('k' + glob, key), found, JSON.stringify({ glob, key }));
    if (isPlain(glob)) assert.equal(found, key === 'k' + glob);
    db.del(key);
  });
  await db.close();
});

test('many stars do not take exponential time', () => {
  assert.equal(matches('a*'.repeat(40) + 'b', 'a'.repeat(400)), false);
});
