/** The story: tabs, redis-cli, no network, a killed server, a closed tab; and in the end all agree. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, Page, Server, until } from './harness.js';

describe('two tabs, redis-cli and a server that dies', { timeout: 180_000 }, () => {
  let server;
  let browser;
  let contexts;
  let left;
  let right;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    // Two contexts are two browser profiles: they share no storage.
    contexts = await Promise.all([browser.newContext(), browser.newContext()]);
    [left, right] = await Promise.all(contexts.map((context) => Page.open(context, server.url)));
    await Promise.all([left.state('live'), right.state('live')]);
  });

  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test('a write in one tab reaches redis-cli and the other tab', async () => {
    assert.equal(await left.type('SET greeting "hello, sea"'), 'OK');
    assert.equal(await left.type('GET greeting'), '"hello, sea"');
    await left.settled();
    assert.equal(await server.redisCli('GET', 'greeting'), 'hello, sea');
    await right.shows('greeting', 'hello, sea');
    assert.equal(await right.type('GET greeting'), '"hello, sea"');
  });

  test('a write of redis-cli shows in both tabs, whatever its type', async () => {
    await server.redisCli('SET', 'greeting', 'hello from the shell');
    await server.redisCli('HSET', 'user:42', 'name', 'Ada', 'city', 'Graz');
    await server.redisCli('RPUSH', 'queue', 'first', 'second');
    await server.redisCli('SADD', 'tags', 'shore');
    await server.redisCli('ZADD', 'board', '42', 'ada', '17', 'bob');
    for (const page of [left, right]) {
      await page.shows('greeting', 'hello from the shell');
      await page.shows('user:42', 'name: Ada');
      await page.shows('queue', '[first, second]');
      await page.shows('tags', '{shore}');
      await page.shows('board', 'bob: 17, ada: 42');
    }
    await server.redisCli('DEL', 'tags');
    for (const page of [left, right]) {
      await until('the key to go', async () => (await page.page.locator('[data-key=tags]').count()) === 0);
    }
  });

  test('without a network all go on writing, and agree when it is back', async () => {
    await server.redisCli('SET', 'visits', '10');
    await Promise.all([left.shows('visits', '10'), right.shows('visits', '10')]);
    for (const page of [left, right]) {
      await page.networkSwitch.click();
      await page.state('offline');
    }
    assert.equal(await left.type('INCR visits'), '(integer) 11');
    assert.equal(await left.type('3 INCR visits'), '(integer) 14');
    assert.equal(await left.type('RPUSH queue left'), '(integer) 3');
    assert.equal(await right.type('INCRBY visits 100'), '(integer) 110');
    assert.equal(await right.type('RPUSH queue right'), '(integer) 3');
    assert.equal(await right.type('SET greeting "from the right" EX 1000'), 'OK');
    await server.redisCli('INCRBY', 'visits', '1000');
    await server.redisCli('RPUSH', 'queue', 'shell');
    await until('five to be pending', async () => (await left.pending()) === 5);
    await until('three to be pending', async () => (await right.pending()) === 3);
    assert.equal(await server.redisCli('GET', 'visits'), '1010');

    for (const page of [left, right]) await page.networkSwitch.click();
    await Promise.all([left, right].map((page) => page.state('live').then(() => page.settled())));
    await agree('visits', () => server.redisCli('GET', 'visits'), ['GET', 'visits'], '1114');
    const queue = (await server.redisCli('LRANGE', 'queue', '0', '-1')).split('\n');
    assert.deepEqual([...queue].sort(), ['first', 'left', 'right', 'second', 'shell']);
    for (const page of [left, right]) {
      await until('the lists to agree', async () => (await page.call('LRANGE', 'queue', 0, -1)).join() === queue.join());
      await page.shows('greeting', 'from the right');
      assert.match(await page.page.locator('[data-key=greeting] .ttl').innerText(), /^1[56]m \d\ds$/);
    }
    // The guesses of whoever came second were wrong, and that was said.
    const notes = await Promise.all([left, right].map((page) => page.page.getByTestId('corrections').locator('.correction').count()));
    assert.ok(notes[0] + notes[1] > 0, 'a correction was shown');
  });

  test('a killed server and a closed tab come back with their data', async () => {
    await Promise.all([left.stored(), right.stored()]);
    await server.kill();
    await Promise.all([left, right].map((page) => page.page.waitForSelector('[data-testid=sync-state]:not([data-state=live])')));
    assert.equal(await left.type('SET while-dead "written by the left"'), 'OK');
    await left.stored();

    // Closed and opened again without a server: the page comes from its worker, the data from its store.
    await left.page.close();
    await right.page.close();
    left = await Page.open(contexts[0], server.url);
    right = await Page.open(contexts[1], server.url);
    await left.shows('while-dead', 'written by the left');
    await left.shows('visits', '1114');
    await right.shows('visits', '1114');
    await until('the write to be pending still', async () => (await left.pending()) === 1);
    assert.equal(await right.type('SET also-dead "written by the right"'), 'OK');

    await server.start();
    await Promise.all([left, right].map((page) => page.state('live').then(() => page.settled())));
    await left.shows('also-dead', 'written by the right');
    await right.shows('while-dead', 'written by the left');
    assert.equal(await server.redisCli('MGET', 'visits', 'while-dead', 'also-dead'), '1114\nwritten by the left\nwritten by the right');
    await left.type('INCR visits');
    await left.settled();
    await agree('visits', () => server.redisCli('GET', 'visits'), ['GET', 'visits'], '1115');
  });

  test('a tab whose process dies keeps what it had written', async () => {
    await left.networkSwitch.click();
    await left.state('offline');
    for (const name of ['a', 'b', 'c']) await left.type(`SADD survivors ${name}`);
    await left.stored();
    const session = await contexts[0].newCDPSession(left.page);
    const crashed = new Promise((resolve) => left.page.once('crash', resolve));
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    await left.page.close();
    left = await Page.open(contexts[0], server.url);
    await left.state('live');
    await left.settled();
    assert.equal(await server.redisCli('SCARD', 'survivors'), '3');
    await right.shows('survivors', 'a');
  });

  test('nothing went wrong in the pages', () => {
    left.assertNoProblems();
    right.assertNoProblems();
  });

  /** Waits until the server and both tabs answer the same, and checks what that is. */
  async function agree(what, onServer, words, expected) {
    assert.equal(await onServer(), expected);
    for (const page of [left, right]) {
      await until(`${what} to agree`, async () => String(await page.call(...words)) === expected);
    }
  }
});
