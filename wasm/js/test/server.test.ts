/** Replicas on the real server: what one side writes the other sees, whatever is cut in between. */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as nodeTest, type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import type { Sanderling } from '../src/client.js';
import { SanderlingError } from '../src/errors.js';
import type { WebSocketConstructor } from '../src/link.js';
import type { OpenOptions } from '../src/open.js';
import { next, open, Random, withSeeds } from './engine.js';
import { BINARY, Server } from './server.js';

/** Without a server there is nothing to test; `cargo xtask test` always has one. */
function test(name: string, run: (t: TestContext) => Promise<void>): void {
  if (BINARY) void nodeTest(name, { timeout: 60_000 }, run);
}

async function replica(t: TestContext, server: Server, options: OpenOptions = {}): Promise<Sanderling> {
  const db = await open({ name: `replica ${Math.random()}`, url: server.url, ...options });
  t.after(() => db.close());
  if (options.connect !== false) await live(db);
  return db;
}

async function live(db: Sanderling): Promise<void> {
  if (db.status.state !== 'live') await next(db, 'status', ({ state }) => state === 'live');
}

/** Resolves when a read is as it should be, looking again at each change. */
async function becomes<T>(db: Sanderling, read: () => T, expected: T): Promise<void> {
  const same = (): boolean => JSON.stringify(read()) === JSON.stringify(expected);
  if (!same()) await next(db, 'change', same).catch(() => undefined);
  assert.deepEqual(read(), expected);
}

test('a write in one replica reaches the server and the other replica, and back', async (t) => {
  const server = await Server.start(t);
  const [a, b] = [await replica(t, server), await replica(t, server)];
  const heard = new Promise((resolve) => b.subscribeKey('user:*', resolve));
  a.hset('user:42', { name: 'Ada', city: 'Graz' });
  assert.equal(a.hget('user:42', 'name'), 'Ada', 'at once');
  assert.equal(await heard, 'user:42');
  assert.deepEqual(b.hgetall('user:42'), { name: 'Ada', city: 'Graz' });
  await a.settled();
  assert.equal(await server.call('HGET', 'user:42', 'city'), 'Graz');
  assert.equal(a.status.pending, 0);
  await server.call('SET', 'from', 'redis');
  await becomes(a, () => a.get('from'), 'redis');
  await becomes(b, () => b.get('from'), 'redis');
  assert.equal(a.status.seq, 2);
});

test('a replica sees the keys that it subscribes to, and no others', async (t) => {
  const server = await Server.start(t);
  await server.call('MSET', 'mine:1', 'a', 'theirs:1', 'b');
  const db = await replica(t, server, { subscribe: ['mine:*'] });
  assert.deepEqual(db.keys('*'), ['mine:1']);
  assert.throws(() => db.get('theirs:1'), { code: 'UNKNOWN' });
  assert.throws(() => db.set('theirs:1', 'x'), { code: 'UNKNOWN' });
  await server.call('SET', 'theirs:2', 'x');
  await server.call('SET', 'mine:2', 'x');
  await becomes(db, () => db.keys('*').sort(), ['mine:1', 'mine:2']);
});

test('the network is cut, both sides write, and afterwards they agree', async (t) => {
  const server = await Server.start(t);
  const [a, b] = [await replica(t, server), await replica(t, server)];
  a.set('n', 1);
  await a.settled();
  await becomes(b, () => b.get('n'), '1');
  a.disconnect();
  assert.equal(a.status.state, 'offline');
  for (let index = 0; index < 50; index++) a.incr('n');
  a.rpush('list', 'from a');
  b.incrby('n', 100);
  b.rpush('list', 'from b');
  await b.settled();
  assert.equal(a.get('n'), '51');
  assert.equal(a.status.pending, 51);
  a.connect();
  await a.settled();
  assert.equal(a.get('n'), '151');
  assert.deepEqual(a.lrange('list', 0, -1), ['from b', 'from a']);
  await becomes(b, () => b.get('n'), '151');
  assert.deepEqual(await server.call('LRANGE', 'list', 0, -1), ['from b', 'from a']);
});

test('the caller of a command that turned out otherwise is told', async (t) => {
  const server = await Server.start(t);
  const db = await replica(t, server);
  db.disconnect();
  assert.equal(db.incr('n'), 1);
  const corrected = db.lastSeq;
  assert.equal(db.rpush('k', 'x'), 1);
  const refused = db.lastSeq;
  await server.call('SET', 'n', 41);
  await server.call('SET', 'k', 'a string');
  const correction = next(db, 'correction');
  const refusal = next(db, 'refused');
  db.connect();
  assert.deepEqual(await correction, { seq: corrected, reply: 42 });
  const { seq, error } = await refusal;
  assert.equal(seq, refused);
  assert.ok(error instanceof SanderlingError);
  assert.equal(error.code, 'WRONGTYPE');
  assert.equal(db.get('k'), 'a string');
});

test('the server is killed and comes back: what was acknowledged is there, and what was not is pushed', async (t) => {
  const server = await Server.start(t);
  const db = await replica(t, server);
  db.set('acknowledged', 'yes');
  await db.settled();
  await server.kill();
  await next(db, 'status', ({ state }) => state === 'waiting');
  db.set('offline', 'yes');
  db.incr('n');
  await server.restart();
  await db.settled();
  assert.deepEqual(await server.call('MGET', 'acknowledged', 'offline', 'n'), ['yes', 'yes', '1']);
});

test('settled rejects when the replica is closed first, and resolves at once when there is nothing to wait for', async (t) => {
  const server = await Server.start(t);
  const db = await replica(t, server);
  await db.settled();
  db.disconnect();
  await db.settled();
  db.set('k', 'v');
  const settled = db.settled();
  const rejected = assert.rejects(settled, { code: 'CLOSED' });
  await db.close();
  await rejected;
  await assert.rejects(db.settled(), { code: 'CLOSED' });
  assert.equal(db.status.state, 'closed');
});

test('a restart on a directory resumes: only what changed meanwhile comes over the wire', async (t) => {
  const server = await Server.start(t);
  const directory = await mkdtemp(join(tmpdir(), 'sanderling-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  // Of digits that don't repeat, which packing leaves as they are.
  const valueOf = (index: number): string => createHash('sha512').update(String(index)).digest('hex');
  for (let index = 0; index < 500; index++) await server.call('SET', `k${index}`, valueOf(index));
  const options = { name: 'resumes', storage: { directory } };
  const first = await replica(t, server, options);
  assert.ok(first.status.bytesIn > 50_000);
  first.disconnect();
  first.set('while', 'offline');
  await first.close();
  await server.call('SET', 'k7', 'changed');
  const second = await replica(t, server, options);
  await second.settled();
  assert.equal(second.get('k7'), 'changed');
  assert.equal(second.get('k8'), valueOf(8));
  assert.equal(await server.call('GET', 'while'), 'offline');
  assert.ok(second.status.bytesIn < 1000, `${second.status.bytesIn} bytes`);
});

test('settled waits for what an earlier run left behind', async (t) => {
  const server = await Server.start(t);
  const directory = await mkdtemp(join(tmpdir(), 'sanderling-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const options = { name: 'left', url: server.url, connect: false, storage: { directory } };
  const first = await open(options);
  first.set('while', 'offline');
  await first.close();
  const second = await open(options);
  t.after(() => second.close());
  let isSettled = false;
  const settled = second.settled().then(() => (isSettled = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(isSettled, false);
  second.connect();
  await settled;
  assert.equal(await server.call('GET', 'while'), 'offline');
});

/** A WebSocket that breaks now and then, before or after what it was to carry. */
function breaking(random: Random): WebSocketConstructor {
  return class extends WebSocket {
    override send(data: Uint8Array): void {
      const fate = random.below(8);
      if (fate === 0) return this.terminate();
      super.send(data);
      if (fate === 1) setTimeout(() => this.terminate(), random.below(4));
    }
  } as unknown as WebSocketConstructor;
}

test('through connections that break all the time everything takes effect once', async (t) => {
  const server = await Server.start(t);
  // A wait of up to half a minute has its reasons, which a test does not share.
  const wait = Math.random;
  t.after(() => (Math.random = wait));
  Math.random = () => wait() / 100;
  await withSeeds(3, async (random) => {
    const key = `n:${random.seed}`;
    const replicas = await Promise.all(
      [0, 1, 2].map(() => replica(t, server, { WebSocket: breaking(random) })),
    );
    const counts = [0, 0, 0];
    for (let round = 0; round < 60; round++) {
      const index = random.below(3);
      const db = replicas[index]!;
      db.incr(key);
      counts[index]!++;
      db.rpush(`list:${random.seed}`, `${index}:${counts[index]}`);
      if (random.below(4) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(3)));
    }
    for (const db of replicas) await db.settled();
    assert.equal(await server.call('GET', key), '60');
    const list = (await server.call('LRANGE', `list:${random.seed}`, 0, -1)) as string[];
    assert.equal(new Set(list).size, 60);
    for (const index of [0, 1, 2]) {
      const own = list.filter((item) => item.startsWith(`${index}:`)).map((item) => Number(item.slice(2)));
      assert.deepEqual(own, Array.from({ length: counts[index]! }, (_, count) => count + 1), 'in the order of the client');
    }
    for (const db of replicas) {
      await becomes(db, () => db.lrange(`list:${random.seed}`, 0, -1), list);
      await db.close();
    }
  });
});

test('with others writing too the mirror answers as the engine does', async (t) => {
  const server = await Server.start(t);
  const [a, b] = [await replica(t, server), await replica(t, server)];
  const keys = ['a', 'b', 'c', 'd'];
  await withSeeds(4, async (random) => {
    for (let count = 0; count < 150; count++) {
      const db = random.pick([a, b]);
      const key = random.pick(keys);
      const act = [
        () => db.set(key, String(random.below(9))),
        () => db.append(key, 'x'),
        () => db.del(key),
        () => db.mset({ [key]: 'm', [random.pick(keys)]: 'm' }),
        () => db.set(key, 'soon', 'PX', 1 + random.below(4)),
      ];
      random.pick(act)();
      for (const reader of [a, b])
        for (const key of keys) {
          const expected = reader.call('GET', key);
          const answer = reader.get(key);
          if (answer !== expected) assert.equal(answer, reader.call('GET', key), key);
        }
      if (random.below(3) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all([a.settled(), b.settled()]);
  });
  a.flushall();
  await a.settled();
  a.set('last', 'word');
  await becomes(b, () => b.get('last'), 'word');
  assert.equal(b.get('a'), null);
  assert.equal(b.dbsize(), 1);
});

test('a refusal for good is told and not tried again', async (t) => {
  const server = await Server.start(t);
  class Garbled extends WebSocket {
    override send(): void {
      super.send(new Uint8Array([0xff, 0xff]));
    }
  }
  const db = await open({ name: 'garbled', url: server.url, WebSocket: Garbled as unknown as WebSocketConstructor });
  t.after(() => db.close());
  const error = await next(db, 'error');
  assert.equal(error.code, 'SYNC');
  assert.equal(db.status.state, 'offline');
  db.set('still', 'works');
  assert.equal(db.get('still'), 'works');
});

test('an address with nothing behind it is tried again', async (t) => {
  const server = await Server.start(t);
  const db = await open({ name: 'elsewhere', url: `ws://${server.http}/nothing` });
  t.after(() => db.close());
  await next(db, 'status', ({ state }) => state === 'waiting');
  assert.ok(db.status.retryAt! > Date.now() - 1000);
  assert.ok(db.status.lastFailure);
  db.connect(server.url);
  await live(db);
  assert.equal(db.status.attempt, 0);
});

test('twenty thousand writes in one go arrive', async (t) => {
  const server = await Server.start(t);
  const [a, b] = [await replica(t, server), await replica(t, server)];
  for (let index = 0; index < 20_000; index++) a.set(`key:${index % 5000}`, index);
  await a.settled();
  assert.equal(await server.call('DBSIZE'), 5000);
  await becomes(b, () => b.dbsize(), 5000);
  await becomes(b, () => b.get('key:4999'), '19999');
});

test('an interest changes while connected, and across a break', async (t) => {
  const server = await Server.start(t);
  await server.call('MSET', 'a:1', 'x', 'b:1', 'y');
  const db = await replica(t, server, { subscribe: ['a:*'] });
  assert.throws(() => db.get('b:1'), { code: 'UNKNOWN' });
  await db.subscribe('b:*');
  assert.equal(db.get('b:1'), 'y');
  await server.call('SET', 'b:1', 'z');
  await becomes(db, () => db.get('b:1'), 'z');
  await db.unsubscribe('a:*');
  assert.throws(() => db.get('a:1'), { code: 'UNKNOWN' });
  db.disconnect();
  const later = db.subscribe('a:*');
  await server.call('SET', 'a:1', 'later');
  db.connect();
  await later;
  assert.equal(db.get('a:1'), 'later');
});

test('a transaction on watched keys is refused as a whole if another was faster', async (t) => {
  const server = await Server.start(t);
  await server.call('SET', 'seats', '1');
  const [a, b] = [await replica(t, server), await replica(t, server)];
  const refusals: number[] = [];
  for (const db of [a, b]) db.on('refused', () => refusals.push(1));
  a.disconnect();
  b.disconnect();
  for (const db of [a, b]) {
    const replies = db.transaction((tx) => void (tx.decr('seats'), tx.rpush('sold', 'one')), { watch: ['seats'] });
    assert.deepEqual(replies, [0, 1]);
  }
  a.connect();
  await a.settled();
  b.connect();
  await live(b);
  await b.settled();
  assert.equal(refusals.length, 1);
  assert.deepEqual(b.lrange('sold', 0, -1), ['one']);
  assert.equal(await server.call('GET', 'seats'), '0');
});

test('calls on the server, messages and presence', async (t) => {
  const server = await Server.start(t);
  const [a, b] = [await replica(t, server), await replica(t, server)];
  const job = a.remote('BLPOP', 'queue', 5);
  b.rpush('queue', 'job');
  assert.deepEqual(await job, ['queue', 'job']);
  await assert.rejects(a.remote('CONFIG', 'GET', '*'), { code: 'ERR' });

  const heard = new Promise((resolve) => b.listen('news', (message, channel) => resolve([channel, message])));
  // Whether the other listens already is known when a call after it is answered.
  await b.remote('EXISTS', 'any');
  assert.equal(a.publish('news', 'hello'), true);
  assert.deepEqual(await heard, ['news', 'hello']);

  a.presence('here:a', 'Ada');
  await becomes(b, () => b.get('here:a'), 'Ada');
  a.disconnect();
  await becomes(b, () => b.get('here:a'), null);
  await assert.rejects(a.remote('PING'), { code: 'LOST' });
});
