/** A page that is frozen, put away, cut off or lied to about the time reconnects and agrees afterwards. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Server, until } from './harness.js';
import { becomes, Browser, Proxy, Site, waitFor } from './site.js';

describe('the life of a page', { timeout: 240_000 }, () => {
  let site;
  let browser;
  let server;
  let proxy;

  before(async () => {
    [site, browser, server] = await Promise.all([Site.start(), Browser.start(), Server.start()]);
    proxy = await Proxy.start(server.http);
  });

  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  /** Opens a page with a replica that is connected through the proxy. */
  async function opened(name) {
    proxy.mode = 'pass';
    const page = await browser.page(site.origin);
    await page.evaluate((options) => openReplica(options), { name, url: proxy.url });
    await becomes(page, 'live');
    return page;
  }

  /** Tells a page that there is a network, as often as it takes, and waits until its replica is connected. */
  async function online(page) {
    await until('the replica to connect', () =>
      page.evaluate(() => {
        dispatchEvent(new Event('online'));
        return db.status.state === 'live';
      }),
    );
  }

  async function agree(page, key, value) {
    await server.redisCli('SET', key, value);
    await waitFor(page, ([key, value]) => db.get(key) === value, [key, value]);
  }

  test('a frozen page stores before it freezes, and catches up when it thaws', { timeout: 60_000 }, async () => {
    const page = await opened('frozen');
    await agree(page, 'frozen', 'before');
    // Only what nobody sees is frozen.
    const other = await browser.context.newPage();
    await other.bringToFront();
    await waitFor(page, () => document.visibilityState === 'hidden');
    const session = await browser.context.newCDPSession(page);
    await page.evaluate(() => {
      document.addEventListener('freeze', () => (globalThis.froze = true));
      db.incr('frozen:n');
    });
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    for (let index = 0; index < 50; index++) await server.redisCli('INCR', 'while:frozen');
    await server.redisCli('SET', 'frozen', 'meanwhile');
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await waitFor(page, () => db.get('frozen') === 'meanwhile' && db.get('while:frozen') === '50');
    assert.deepEqual(await page.evaluate(() => [froze, db.status.state, states.includes('waiting')]), [true, 'live', false]);
    await page.evaluate(() => db.settled());
    assert.equal(await server.redisCli('GET', 'frozen:n'), '1');
    await Promise.all([page.close(), other.close()]);
  });

  test('a page in the back/forward cache comes back with its replica', { timeout: 60_000 }, async (t) => {
    const page = await opened('kept');
    // Only what was reported as stored is sure to be there for the next page, which doesn't ask the server.
    await page.evaluate(() => {
      db.incr('kept:n');
      globalThis.isTheSame = true;
      addEventListener('pageshow', ({ persisted }) => (globalThis.wasKept = persisted));
      return db.stored();
    });
    await page.goto(`${site.origin}/elsewhere`);
    // Its lock and its storage are free meanwhile.
    await waitFor(page, () => globalThis.openReplica !== undefined);
    await page.evaluate(() => openReplica({ name: 'kept' }));
    assert.deepEqual(await page.evaluate(() => [db.status.storage, db.get('kept:n')]), ['indexeddb', '1']);
    await page.evaluate(() => db.close());
    await server.redisCli('SET', 'kept', 'meanwhile');
    await page.evaluate(() => history.back());
    await until('the page to be back', () => page.evaluate(() => location.pathname === '/'));
    const wasKept = await page.evaluate(() => globalThis.wasKept === true);
    t.diagnostic(wasKept ? 'it was kept' : 'Chromium did not keep it');
    if (!wasKept) await page.evaluate((options) => openReplica(options), { name: 'kept', url: proxy.url });
    await waitFor(page, () => db.status.state === 'live' && db.status.storage === 'indexeddb');
    await waitFor(page, () => db.get('kept') === 'meanwhile' && db.get('kept:n') === '1');
    await page.evaluate(() => db.incr('kept:n'));
    await page.evaluate(() => db.settled());
    assert.equal(await server.redisCli('GET', 'kept:n'), '2');
    await page.close();
  });

  test('a browser that goes offline drops the connection at once, and comes back at once', { timeout: 60_000 }, async () => {
    const page = await opened('offline');
    await browser.context.setOffline(true);
    await waitFor(page, () => states.includes('waiting'));
    await page.evaluate(() => db.incr('offline:n'));
    await browser.context.setOffline(false);
    await becomes(page, 'live');
    await page.evaluate(() => db.settled());
    assert.equal(await server.redisCli('GET', 'offline:n'), '1');
    await page.close();
  });

  test('a connection that is open and dead is noticed within seconds of coming back to the page', { timeout: 60_000 }, async () => {
    const page = await opened('dead');
    proxy.mode = 'swallow';
    await page.evaluate(() => {
      db.incr('dead:n');
      dispatchEvent(new Event('focus'));
      globalThis.from = performance.now();
    });
    await waitFor(page, () => states.includes('waiting'));
    const ms = await page.evaluate(() => performance.now() - from);
    assert.ok(ms < 9_000, `after ${ms} ms`);
    proxy.mode = 'pass';
    await online(page);
    await page.evaluate(() => db.settled());
    assert.equal(await server.redisCli('GET', 'dead:n'), '1');
    await page.close();
  });

  for (const mode of ['swallow', 'page'])
    test(`behind a network that would ${mode === 'page' ? 'answer with a page' : 'accept and say nothing'} it tries again until it is let through`, { timeout: 60_000 }, async () => {
      proxy.mode = mode;
      const page = await browser.page(site.origin);
      await page.evaluate((options) => openReplica(options), { name: `captive ${mode}`, url: proxy.url });
      await page.evaluate((key) => db.incr(key), `captive:${mode}`);
      await waitFor(page, () => states.includes('waiting'));
      assert.equal(await page.evaluate(() => db.status.pending), 1);
      proxy.mode = 'pass';
      await online(page);
      await page.evaluate(() => db.settled());
      assert.equal(await server.redisCli('GET', `captive:${mode}`), '1');
      await page.close();
    });

  test('a clock that is set an hour on or back neither ends the connection nor the keys', { timeout: 60_000 }, async () => {
    const page = await opened('clock');
    await server.redisCli('SET', 'clock:key', 'there', 'EX', '1000');
    await waitFor(page, () => db.get('clock:key') === 'there');
    for (const [round, hours] of [1, -1, -2, 3].entries()) {
      await page.evaluate((hours) => {
        const { now } = Date;
        Date.now = () => now() + hours * 3_600_000;
        states.length = 0;
        dispatchEvent(new Event('focus'));
      }, hours);
      await agree(page, 'clock:round', String(round));
      await waitFor(page, () => db.get('clock:key') === 'there');
      const ttl = await page.evaluate(() => db.ttl('clock:key'));
      assert.ok(ttl > 900 && ttl <= 1000, `${ttl} s are left after ${hours} h`);
      assert.deepEqual(await page.evaluate(() => [db.status.state, states.includes('waiting')]), ['live', false]);
    }
    await page.close();
  });
});
