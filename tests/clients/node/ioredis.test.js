// ioredis as programs use it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';

const address = {
  host: process.env.SANDERLING_TEST_HOST,
  port: Number(process.env.SANDERLING_TEST_PORT),
  commandTimeout: 20_000,
};
const opened = [];

function connect(options = {}) {
  const client = new Redis({ ...address, ...options });
  opened.push(client);
  return client;
}

const redis = connect();
beforeEach(() => redis.flushall());
after(() => Promise.all(opened.map((client) => client.quit().catch(() => client.disconnect()))));

test('strings', async () => {
  assert.equal(await redis.set('k', 'größe'), 'OK');
  assert.equal(await redis.get('k'), 'größe');
  assert.equal(await redis.set('k', 'v', 'NX'), null);
  assert.equal(await redis.set('k', 'v', 'EX', 100), 'OK');
  assert.ok((await redis.ttl('k')) > 0);
  assert.equal(await redis.incrby('n', 41), 41);
  assert.equal(await redis.incr('n'), 42);
  assert.deepEqual(await redis.mget('k', 'missing'), ['v', null]);
  assert.equal(await redis.del('k', 'n', 'missing'), 2);
});

test('bytes', async () => {
  const value = Buffer.from(Array.from({ length: 4096 }, (_, index) => index % 256));
  await redis.set(value.subarray(0, 300), value);
  assert.deepEqual(await redis.getBuffer(value.subarray(0, 300)), value);
});

test('hashes, lists, sets, sorted sets', async () => {
  assert.equal(await redis.hset('h', { a: 1, b: 'two' }), 2);
  assert.deepEqual(await redis.hgetall('h'), { a: '1', b: 'two' });
  assert.equal(await redis.rpush('l', 1, 2, 3), 3);
  assert.deepEqual(await redis.lrange('l', 0, -1), ['1', '2', '3']);
  assert.equal(await redis.lmove('l', 'm', 'LEFT', 'RIGHT'), '1');
  assert.equal(await redis.sadd('s', ['x', 'y']), 2);
  assert.deepEqual((await redis.smembers('s')).sort(), ['x', 'y']);
  assert.equal(await redis.zadd('z', 1, 'a', 2.5, 'b'), 2);
  assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['a', '1', 'b', '2.5']);
  assert.deepEqual(await redis.zpopmax('z'), ['b', '2.5']);
});

test('a pipeline answers in order, each error at its place', async () => {
  const pipeline = redis.pipeline();
  for (let index = 0; index < 1_000; index += 1) pipeline.set(`k${index}`, index);
  pipeline.lpush('k0', 'x').get('k999');
  const replies = await pipeline.exec();
  assert.equal(replies.length, 1_002);
  assert.ok(replies.slice(0, 1_000).every(([error, reply]) => error === null && reply === 'OK'));
  assert.match(replies[1_000][0].message, /^WRONGTYPE/);
  assert.deepEqual(replies[1_001], [null, '999']);
});

test('calls of one tick are pipelined by themselves', async () => {
  const client = connect({ enableAutoPipelining: true });
  const replies = await Promise.all(Array.from({ length: 500 }, () => client.incr('n')));
  assert.deepEqual(replies, Array.from({ length: 500 }, (_, index) => index + 1));
});

test('a transaction, and a watched key that changes', async () => {
  assert.deepEqual(await redis.multi().incr('n').incr('n').get('n').exec(), [
    [null, 1],
    [null, 2],
    [null, '2'],
  ]);
  const client = connect();
  await client.watch('n');
  await redis.set('n', 9);
  assert.equal(await client.multi().incr('n').exec(), null);
  assert.equal(await redis.get('n'), '9');
});

test('scan streams find every key', async () => {
  await redis.mset(new Map(Array.from({ length: 1_000 }, (_, index) => [`key:${index}`, index])));
  const found = new Set();
  for await (const keys of redis.scanStream({ match: 'key:*', count: 100 })) {
    for (const key of keys) found.add(key);
  }
  assert.equal(found.size, 1_000);
});

test('errors name the command', async () => {
  await redis.set('k', 'v');
  await assert.rejects(redis.lpush('k', 'a'), /WRONGTYPE/);
  await assert.rejects(redis.incr('k'), /not an integer/);
  await assert.rejects(redis.call('NOSUCH'), /unknown command 'NOSUCH'/);
  assert.equal(await redis.get('k'), 'v');
});

test('a client comes back after its connection is cut', async () => {
  const client = connect();
  await client.set('k', 'before');
  client.stream.destroy();
  assert.equal(await client.get('k'), 'before');
});

test('databases and names', async () => {
  const other = connect({ db: 5, connectionName: 'suite' });
  await redis.set('k', 'zero');
  assert.equal(await other.get('k'), null);
  assert.equal(await other.client('GETNAME'), 'suite');
  assert.match(await redis.info(), /redis_version:/);
});

test('a script that was defined as a command', async () => {
  redis.defineCommand('double', { numberOfKeys: 1, lua: "return redis.call('SET', KEYS[1], 2 * redis.call('GET', KEYS[1]))" });
  await redis.set('n', 21);
  assert.equal(await redis.double('n'), 'OK');
  assert.equal(await redis.get('n'), '42');
});

test('a page of the documentation prints what it says', () => {
  const page = readFileSync(new URL('../../../www/docs/events.md', import.meta.url), 'utf8');
  // A program, and what it prints if that follows.
  const blocks = [...page.matchAll(/```js\n(.*?)```\n(?:\n```text\n(.*?)```\n)?/gs)];
  assert.ok(blocks.length > 3);
  const ended = spawnSync(process.execPath, ['--input-type=module', '-'], {
    input: blocks.map(([, program]) => program).join(''),
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, REDIS_URL: `redis://${address.host}:${address.port}` },
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(ended.stderr, '');
  assert.equal(ended.stdout, blocks.map(([, , printed]) => printed ?? '').join(''));
});
