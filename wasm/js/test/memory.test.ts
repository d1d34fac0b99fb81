/** A replica with a memory budget on the real server: small, never wrong, and a cache. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as nodeTest, type TestContext } from 'node:test';
import { cached, cachedBuffer } from '../src/cache.js';
import type { Sanderling } from '../src/client.js';
import type { OpenOptions } from '../src/open.js';
import { next, open, Random } from './engine.js';
import { BINARY, Server } from './server.js';

const BUDGET = 256 * 1024;

/** Without a server there is nothing to test; `cargo xtask test` always has one. */
function test(name: string, run: (t: TestContext) => Promise<void>): void {
  if (BINARY) void nodeTest(name, { timeout: 60_000 }, run);
}

async function replica(t: TestContext, server: Server, options: OpenOptions = {}): Promise<Sanderling> {
  return connected(t, server, { maxMemory: BUDGET, ...options });
}

async function connected(t: TestContext, server: Server, options: OpenOptions): Promise<Sanderling> {
  const db = await open({ name: `replica ${Math.random()}`, url: server.url, ...options });
  t.after(() => db.close());
  if (db.status.state !== 'live') await next(db, 'status', ({ state }) => state === 'live');
  return db;
}

/** Resolves when something has become so, looking again at each change. */
async function becomes(db: Sanderling, is: () => boolean): Promise<void> {
  if (!is()) await next(db, 'change', is);
}

async function fill(server: Server, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1000) {
    const words: string[] = [];
    for (let index = from; index < Math.min(count, from + 1000); index++) words.push(`k:${index}`, `value ${index}`);
    await server.call('MSET', ...words);
  }
}

/** Keeps reading keys, most of them few, and checks what is answered. Returns how many reads found their key. */
async function read(db: Sanderling, random: Random, count: number, keys: number): Promise<number> {
  let hits = 0;
  for (let round = 0; round < count; round++) {
    const index = random.below(10) < 8 ? random.below(50) : random.below(keys);
    const key = `k:${index}`;
    if (db.knows(key)) hits++;
    else await db.fetch(key);
    assert.equal(db.get(key), `value ${index}`);
    assert.ok(db.budget.used <= BUDGET * 1.05, `${db.budget.used} bytes`);
  }
  return hits;
}

for (const eviction of ['lru', 'lfu'] as const)
  test(`a replica with a budget holds what is used, by ${eviction}, and is never wrong`, async (t) => {
    const server = await Server.start(t);
    await fill(server, 20_000);
    const db = await replica(t, server, { eviction });
    const held = db.dbsize();
    assert.ok(held > 2000 && held < 8000, `${held} keys`);
    const unknown = Array.from({ length: 20_000 }, (_, index) => `k:${index}`).find((key) => !db.knows(key))!;
    assert.throws(() => db.get(unknown), { code: 'UNKNOWN' });
    const random = new Random(1);
    await read(db, random, 12_000, 20_000);
    const hits = await read(db, random, 3000, 20_000);
    assert.ok(hits > 3000 * 0.8, `${hits} hits`);
    assert.ok(db.budget.evicted > 0);
    // What does not exist is known not to, once the server has said so.
    assert.throws(() => db.exists('nothing'), { code: 'UNKNOWN' });
    await db.fetch('nothing');
    assert.equal(db.exists('nothing'), 0);
  });

test('what is forgotten is a change, and a write that reads nothing works on it', async (t) => {
  const server = await Server.start(t);
  const db = await replica(t, server, { maxMemory: 64 * 1024 });
  await server.call('SET', 'first', 'there');
  await becomes(db, () => db.get('first') === 'there');
  // Both are answered by the mirror until then.
  assert.deepEqual([db.get('first'), db.get('first'), db.get('nothing'), db.get('nothing')], ['there', 'there', null, null]);
  const forgotten = next(db, 'change', ({ keys, flushed }) => (flushed || keys.includes('first')) && !db.knows('first'));
  for (let index = 0; index < 2000; index++) {
    db.set(`k:${index}`, 'x'.repeat(50));
    if (index % 50 === 0) await db.settled();
  }
  await forgotten;
  assert.throws(() => db.get('first'), { code: 'UNKNOWN' });
  assert.throws(() => db.get('nothing'), { code: 'UNKNOWN' });
  assert.throws(() => db.append('first', 'x'), { code: 'UNKNOWN' });
  assert.equal(db.set('first', 'again'), 'OK');
  assert.equal(db.get('first'), 'again');
  await db.settled();
  assert.equal(await server.call('GET', 'first'), 'again');
});

test('concurrent fetches, a fetch of what is known, of what is outside, and without a connection', async (t) => {
  const server = await Server.start(t);
  await server.call('MSET', 'in:1', 'a', 'out:[1]', 'b');
  const db = await replica(t, server, { subscribe: ['in:*'] });
  await db.fetch(['in:1']);
  assert.equal(db.knows('out:[1]'), false);
  await Promise.all([db.fetch('out:[1]'), db.fetch(['out:[1]', 'in:1'])]);
  assert.equal(db.get('out:[1]'), 'b');
  await server.call('SET', 'out:[1]', 'c');
  await becomes(db, () => db.get('out:[1]') === 'c');
  assert.equal(db.knows('out:1'), false, 'the one key and no other');
  db.disconnect();
  await db.fetch('in:1');
  await assert.rejects(db.fetch('out:2'), { code: 'OFFLINE' });
});

test('what was forgotten is unknown after a restart as well', async (t) => {
  const server = await Server.start(t);
  const directory = await mkdtemp(join(tmpdir(), 'sanderling-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await fill(server, 10_000);
  const options = { name: 'cache', storage: { directory } };
  const first = await replica(t, server, options);
  await first.fetch('k:9999');
  // What was used last is the last to go; to fetch what is there already is no use of it.
  assert.equal(first.get('k:9999'), 'value 9999');
  // What is still to be forgotten would be forgotten on the way out.
  await becomes(first, () => first.budget.used <= BUDGET);
  const known = Array.from({ length: 10_000 }, (_, index) => first.knows(`k:${index}`));
  await first.close();
  const second = await open({ ...options, maxMemory: BUDGET });
  t.after(() => second.close());
  known.forEach((expected, index) => assert.equal(second.knows(`k:${index}`), expected, `k:${index}`));
  assert.equal(second.get('k:9999'), 'value 9999');
  assert.throws(() => second.get(`k:${known.indexOf(false)}`), { code: 'UNKNOWN' });
  await second.close();
  // Without a budget everything comes back.
  const third = await connected(t, server, options);
  assert.equal(third.dbsize(), 10_000);
});

test('a cached value is loaded by one replica and seen by all, with its expiry', async (t) => {
  const server = await Server.start(t);
  const [a, b] = [await replica(t, server), await replica(t, server)];
  let loads = 0;
  const load = async (key: string): Promise<string> => `${key} ${++loads}`;
  const options = { ttl: 60_000, staleFor: 600_000 };
  const callers = [cached(a, 'page', load, options), cached(a, 'page', load, options)];
  assert.deepEqual(await Promise.all(callers), ['page 1', 'page 1']);
  await a.settled();
  await becomes(b, () => b.get('page') !== null);
  assert.equal(await cached(b, 'page', load, options), 'page 1');
  const left = Number(await server.call('PTTL', 'page'));
  assert.ok(left > 600_000 && left <= 660_000, `${left} ms`);
  // Any client can make it stale, or remove it.
  await server.call('PEXPIRE', 'page', 500_000);
  await becomes(b, () => b.pttl('page') <= 500_000);
  assert.equal(await cached(b, 'page', load, options), 'page 1', 'stale, and loaded again');
  await becomes(b, () => b.get('page') === 'page 2');
  await b.settled();
  assert.equal(await server.call('GET', 'page'), 'page 2');
  assert.deepEqual(await cachedBuffer(b, 'bytes', () => new Uint8Array([255, 0]), options), new Uint8Array([255, 0]));
  assert.deepEqual(b.buffers.get('bytes'), new Uint8Array([255, 0]));
});

test('a cache works without a connection, and a load that fails is told', async (t) => {
  const server = await Server.start(t);
  const db = await replica(t, server);
  db.disconnect();
  assert.equal(await cached(db, 'k', () => 'offline', { ttl: 1, staleFor: 60_000 }), 'offline');
  const warning = next(db, 'warning', ({ code }) => code === 'LOAD');
  // Its millisecond of freshness is over when the clock has moved on.
  const until = Date.now() + 2;
  while (Date.now() < until) await new Promise((resolve) => setImmediate(resolve));
  const fails = (): string => {
    throw new Error('down');
  };
  assert.equal(await cached(db, 'k', fails, { ttl: 1, staleFor: 60_000 }), 'offline');
  assert.match((await warning).message, /down/);
});

nodeTest('a budget that makes no sense is refused', async () => {
  for (const options of [{ maxMemory: 1000 }, { maxMemory: NaN }, { maxMemory: 2 ** 33 }])
    await assert.rejects(open(options), { code: 'OPTIONS' });
  await assert.rejects(open({ eviction: 'fifo' as 'lru' }), { code: 'OPTIONS' });
});
