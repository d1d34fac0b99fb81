/** The mirror in front of the engine answers what the engine would. */

import assert from 'node:assert/strict';
import test from 'node:test';
import type { Sanderling } from '../src/client.js';
import { Mirror } from '../src/mirror.js';
import { open, type Random, withSeeds } from './engine.js';

const KEYS = ['a', 'b', 'k:1', 'k:2', 'é', '😀', '\ud800', '\udc00x', '\ufffd', '', 'long'.repeat(60), '__proto__'];
const VALUES = ['', '1', '42', 'text', 'ünï', '\ufeffbom', 'v'.repeat(40), 'v'.repeat(5000), '\ud83d'];

/** What `GET` says, on the way around the mirror. */
function fromEngine(db: Sanderling, key: string): unknown {
  try {
    return db.call('GET', key);
  } catch (error) {
    return String(error);
  }
}

function fromMirror(db: Sanderling, key: string): unknown {
  try {
    return db.get(key);
  } catch (error) {
    return String(error);
  }
}

function step(db: Sanderling, random: Random): void {
  const key = random.pick(KEYS);
  const value = random.pick(VALUES);
  const steps: (() => unknown)[] = [
    () => db.set(key, value),
    () => db.set(key, value, 'PX', 1 + random.below(5)),
    () => db.set(key, new Uint8Array([0xff, random.below(256)])),
    () => db.setnx(key, value),
    () => db.append(key, value),
    () => db.incr(key),
    () => db.del(key, random.pick(KEYS)),
    () => db.lpush(key, value),
    () => db.rename(key, random.pick(KEYS)),
    () => db.mset({ [key]: value, [random.pick(KEYS)]: value }),
    () => db.expire(key, random.pick([-1, 0, 1, 100])),
    () => db.persist(key),
    () => db.getdel(key),
    () => random.below(20) === 0 && db.flushall(),
    () => db.transaction((tx) => (tx.set(key, value), tx.get(key), tx.del(random.pick(KEYS)))),
    () => {
      db.call('MULTI');
      db.call('SET', key, value);
      assert.equal(fromMirror(db, key), 'QUEUED');
      db.call(random.pick(['EXEC', 'DISCARD']));
    },
  ];
  try {
    random.pick(steps)();
  } catch (error) {
    // A command may be refused; what it left is compared all the same.
    assert.equal((error as Error).name, 'SanderlingError', String(error));
  }
}

test('after any commands a get answers as the engine does', () =>
  withSeeds(30, async (random) => {
    const db = await open({ name: 'mirror' });
    for (let count = 0; count < 300; count++) {
      step(db, random);
      for (let reads = random.below(4); reads > 0; reads--) {
        const key = random.pick(KEYS);
        const expected = fromEngine(db, key);
        // A deadline may pass between the two reads; then a second look agrees.
        const answer = fromMirror(db, key);
        if (answer !== expected) assert.equal(answer, fromEngine(db, key), `GET ${JSON.stringify(key)}`);
      }
      if (random.below(10) === 0) await Promise.resolve();
    }
    await db.close();
  }));

test('memory that grows under the views does not disturb it', async () => {
  const db = await open({ name: 'growth' });
  const big = 'x'.repeat(3_000_000);
  for (let index = 0; index < 12; index++) {
    db.set(`big:${index}`, big);
    db.set('small', String(index));
    assert.equal(db.get('small'), String(index));
  }
  assert.equal(db.get('big:3'), big);
  assert.equal(db.strlen('big:11'), big.length);
  await db.close();
});

test('the mirror is bounded, and keeps what is read', () => {
  const mirror = new Mirror();
  const value = 'v'.repeat(1000);
  for (let index = 0; index < 40_000; index++) {
    mirror.set(`key:${index}`, value);
    assert.equal(mirror.get('key:0'), value);
  }
  assert.equal(mirror.get('key:1'), undefined);
  mirror.set('too long', 'v'.repeat(1_000_000));
  assert.equal(mirror.get('too long'), undefined);
});
