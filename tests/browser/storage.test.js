/** IndexedDB in Chromium: full, deleted, damaged, upgraded, and killed in the middle of a write. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { quantile, Server } from './harness.js';
import { becomes, Browser, Site, waitFor } from './site.js';

describe('the storage of one replica', { timeout: 120_000 }, () => {
  let site;
  let browser;

  before(async () => {
    [site, browser] = await Promise.all([Site.start(), Browser.start()]);
  });

  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  /** Opens a page with a replica of this name. */
  async function opened(name, options = {}) {
    const page = await browser.page(site.origin);
    await page.evaluate((options) => openReplica(options), { name, ...options });
    return page;
  }

  test('a full disk is told, and everything is stored when there is room again', async () => {
    const page = await opened('full');
    const session = await browser.context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: site.origin, quotaSize: 200_000 });
    await page.evaluate(async () => {
      // What can't be compressed.
      const random = () => Math.random().toString(36).slice(2, 12).padEnd(10, '0');
      for (let index = 0; index < 20; index++) db.set(`k${index}`, Array.from({ length: 10_000 }, random).join(''));
      await db.stored();
    });
    await waitFor(page, () => warnings.length > 0);
    assert.match((await page.evaluate(() => warnings)).join(), /^QUOTA the replica works from memory/);
    assert.equal(await page.evaluate(() => db.status.storage), 'memory');
    assert.equal(await page.evaluate(() => db.strlen('k19')), 100_000);
    await session.send('Storage.overrideQuotaForOrigin', { origin: site.origin });
    await page.evaluate(() => dispatchEvent(new Event('focus')));
    await waitFor(page, () => db.status.storage === 'indexeddb');
    await page.close();
    const again = await opened('full');
    assert.deepEqual(await again.evaluate(() => [db.dbsize(), db.status.pending, warnings]), [20, 20, []]);
    await again.close();
  });

  test('data that the user cleared is stored anew', async () => {
    const page = await opened('cleared');
    await page.evaluate(async () => {
      db.set('before', 'x');
      await db.stored();
    });
    const session = await browser.context.newCDPSession(page);
    await session.send('Storage.clearDataForOrigin', { origin: site.origin, storageTypes: 'indexeddb' });
    await page.evaluate(async () => {
      db.set('after', 'y');
      await db.stored();
    });
    const warnings = await page.evaluate(() => globalThis.warnings);
    assert.match(warnings.join(), /^DELETED/);
    assert.equal(await page.evaluate(() => db.status.storage), 'indexeddb');
    await page.close();
    const again = await opened('cleared');
    assert.deepEqual(await again.evaluate(() => db.mget('before', 'after')), ['x', 'y']);
    await again.close();
  });

  test('a damaged value costs what it held', async () => {
    const page = await opened('damaged');
    await page.evaluate(async () => {
      for (const token of ['a', 'b', 'c']) {
        db.rpush('list', token);
        await db.stored();
      }
      await db.close();
      const open = indexedDB.open('sanderling/3/damaged');
      await new Promise((resolve) => (open.onsuccess = resolve));
      const pairs = open.result.transaction('pairs', 'readwrite').objectStore('pairs');
      const keys = pairs.getAllKeys();
      await new Promise((resolve) => (keys.onsuccess = resolve));
      pairs.put(new Uint8Array([1, 2, 3]), keys.result[1]);
      await new Promise((resolve) => (pairs.transaction.oncomplete = resolve));
      open.result.close();
    });
    await page.close();
    const again = await opened('damaged');
    await waitFor(again, () => warnings.length > 0);
    assert.match((await again.evaluate(() => warnings)).join(), /^DAMAGED .*2 pending commands/);
    assert.deepEqual(await again.evaluate(() => db.lrange('list', 0, -1)), ['a', 'c']);
    await again.close();
  });

  test('a tab of a newer release makes the older one let go', async () => {
    const page = await opened('upgraded');
    await page.evaluate(async () => {
      db.set('k', 'v');
      await db.stored();
    });
    const newer = await browser.page(site.origin);
    await newer.evaluate(
      () =>
        new Promise((resolve, reject) => {
          const request = indexedDB.open('sanderling/3/upgraded', 2);
          request.onsuccess = () => resolve(request.result.close());
          request.onblocked = () => reject(new Error('the older tab did not let go'));
        }),
    );
    await waitFor(page, () => warnings.length > 0);
    assert.match((await page.evaluate(() => warnings)).join(), /^UPGRADED/);
    assert.equal(await page.evaluate(() => db.get('k')), 'v');
    await Promise.all([page.close(), newer.close()]);
  });

  test('the browser says how safe the data is', async () => {
    const page = await opened('asked');
    const answer = await page.evaluate(() => db.persistence({ request: true }));
    assert.equal(typeof answer.persisted, 'boolean');
    assert.ok(answer.quota > 1_000_000 && answer.usage >= 0, JSON.stringify(answer));
    assert.deepEqual(await page.evaluate(() => db.persistence()), answer);
    await page.close();
  });

  test('what it costs: a command, a hundred thousand keys, a start', async (t) => {
    const server = await Server.start();
    t.after(() => server[Symbol.asyncDispose]());
    const page = await opened('costs');
    const commands = await page.evaluate(async () => {
      const times = [];
      for (let index = 0; index < 300; index++) {
        const from = performance.now();
        db.set('k', String(index));
        await db.stored();
        times.push(performance.now() - from);
      }
      await db.close();
      return times;
    });
    await server.redisCliLines(
      Array.from({ length: 100_000 }, (_, index) => `SET user:${100_000 + index} ${'v'.repeat(32)}`),
    );
    const url = `ws://127.0.0.1:${server.http}/sync`;
    const save = await page.evaluate(async (url) => {
      const transaction = IDBDatabase.prototype.transaction;
      let from = 0;
      let longest = 0;
      let bytes = 0;
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (value, key) {
        bytes += value.length;
        return put.call(this, value, key);
      };
      IDBDatabase.prototype.transaction = function (...args) {
        from = performance.now();
        const made = transaction.apply(this, args);
        made.addEventListener('complete', () => (longest = Math.max(longest, performance.now() - from)));
        return made;
      };
      await openReplica({ name: 'many', url });
      while (db.dbsize() < 100_000) await new Promise((resolve) => setTimeout(resolve, 5));
      const start = performance.now();
      await db.stored();
      const all = performance.now() - start;
      await db.close();
      return { all, longest, bytes };
    }, url);
    await page.close();
    const again = await browser.page(site.origin);
    const start = await again.evaluate(async () => {
      const from = performance.now();
      await openReplica({ name: 'many' });
      const value = db.get('user:150000');
      return { ms: performance.now() - from, size: db.dbsize(), length: value.length };
    });
    await again.close();
    assert.deepEqual([start.size, start.length], [100_000, 32]);
    t.diagnostic(
      `a command durable: p50 ${quantile(commands, 0.5).toFixed(2)} ms, p95 ${quantile(commands, 0.95).toFixed(2)} ms; ` +
        `100,000 keys: ${save.bytes} bytes stored in ${save.all.toFixed(0)} ms (transaction ${save.longest.toFixed(0)} ms), ` +
        `loaded in ${start.ms.toFixed(0)} ms`,
    );
  });
});

describe('a browser that is killed at any moment', { timeout: 300_000 }, () => {
  test('comes back to a state that it had, with all that was stored, and nothing counts twice', async (t) => {
    const [site, server] = await Promise.all([Site.start(), Server.start()]);
    t.after(async () => {
      await server[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    });
    const url = `ws://127.0.0.1:${server.http}/sync`;
    let profile;
    let last;
    t.after(() => last?.[Symbol.asyncDispose]());
    /** How many commands of each round were reported as stored. */
    const stored = [];
    const rounds = 20;
    for (let round = 0; ; round++) {
      const browser = (last = await Browser.start({ profile }));
      profile = browser.profile;
      const page = await browser.page(site.origin);
      let reported = 0;
      await page.exposeFunction('report', (count) => (reported = Math.max(reported, count)));
      const found = await page.evaluate(
        async ([url, connect]) => {
          await openReplica({ name: 'killed', url, connect });
          return { list: db.lrange('list', 0, -1), n: Number(db.get('n')), warnings };
        },
        [url, round % 2 === 1],
      );
      assert.deepEqual(found.warnings, []);
      assert.equal(found.n, found.list.length, 'transactions are whole');
      check(found.list, stored);
      if (round === rounds) {
        await page.evaluate(() => db.connect());
        await becomes(page, 'live');
        await page.evaluate(() => db.settled());
        const list = (await server.redisCli('LRANGE', 'list', '0', '-1')).split('\n');
        check(list, stored);
        assert.equal(await server.redisCli('GET', 'n'), String(list.length));
        assert.deepEqual(await page.evaluate(() => db.lrange('list', 0, -1)), list);
        const sum = stored.reduce((sum, count) => sum + count, 0);
        t.diagnostic(`${rounds} kills: ${list.length} transactions, ${sum} of them reported as stored`);
        return;
      }
      void page
        .evaluate(async (round) => {
          for (let count = 0; ; ) {
            for (let burst = 1 + Math.floor(Math.random() * 20); burst > 0; burst--) {
              db.transaction((tx) => {
                tx.incr('n');
                tx.rpush('list', `${round}:${count}`);
              });
              count++;
            }
            await db.stored();
            void report(count);
            // What the server says is stored when there is time: a moment to be killed in as well.
            if (Math.random() < 0.2) await new Promise((resolve) => setTimeout(resolve, Math.random() * 700));
          }
        }, round)
        .catch(() => undefined);
      await pause(50 + Math.random() * 900);
      stored[round] = reported;
      await browser.kill();
    }
  });

  /** Checks that each round's commands are there once, in order, from the first to one that is not before the last stored. */
  function check(list, stored) {
    const counts = [];
    for (const token of list) {
      const [round, index] = token.split(':').map(Number);
      assert.equal(index, counts[round] ?? 0, `${token} among ${list.length}`);
      counts[round] = index + 1;
    }
    stored.forEach((count, round) =>
      assert.ok((counts[round] ?? 0) >= count, `${count} of round ${round} were stored, ${counts[round] ?? 0} are there`),
    );
  }
});
