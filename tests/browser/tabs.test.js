/** The tabs of one browser: one connection, one storage, everybody's writes; and any of them may go at any moment. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, Page, Server, until } from './harness.js';

describe('three tabs of one browser', { timeout: 240_000 }, () => {
  let server;
  let browser;
  let context;
  let tabs;
  let hits = 0;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    context = await browser.newContext();
    tabs = [];
    for (let index = 0; index < 3; index += 1) tabs.push(await Page.open(context, server.url));
    await Promise.all(tabs.map((tab) => tab.state('live')));
  });

  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  const role = (tab) => tab.page.evaluate(() => globalThis.db.status.role);
  const leaders = async () => (await Promise.all(tabs.map(role))).filter((one) => one === 'leader').length;
  const hit = async (tab) => {
    hits += 1;
    await tab.call('INCR', 'hits');
  };
  const allShow = (key, value) =>
    until(`all tabs to show ${value} at ${key}`, async () => {
      const shown = await Promise.all(tabs.map((tab) => tab.call('GET', key)));
      return shown.every((one) => one === value);
    });
  /** Takes the leader out of the list. */
  const takeLeader = async () => {
    const roles = await Promise.all(tabs.map(role));
    return tabs.splice(roles.indexOf('leader'), 1)[0];
  };
  /** Waits until one leads again and returns how long that took. */
  const succession = async (since) => {
    await until('another tab to lead', async () => (await leaders()) === 1);
    return performance.now() - since;
  };
  const connections = async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^sanderling_sync_peers (\d+)/m.exec(metrics)?.[1]);
  };

  test('share one connection', async () => {
    assert.equal(await leaders(), 1);
    await until('one connection', async () => (await connections()) === 1);
  });

  test('see what each of them writes, and the server does', async () => {
    for (const tab of tabs) await hit(tab);
    await allShow('hits', String(hits));
    await until('the server to have it', async () => (await server.redisCli('GET', 'hits')) === String(hits));
    await server.redisCli('SET', 'greeting', 'from the shell');
    await allShow('greeting', 'from the shell');
  });

  test('go on without a server, and still see each other', async () => {
    await server.kill();
    for (const tab of tabs) {
      const state = () => tab.page.evaluate(() => globalThis.db.status.state);
      await until('the end of the connection', async () => (await state()) !== 'live');
    }
    for (const tab of [...tabs, ...tabs]) await hit(tab);
    await allShow('hits', String(hits));
  });

  test('are led by another when the leader is closed', async (t) => {
    const leader = await takeLeader();
    const since = performance.now();
    await leader.page.close();
    t.diagnostic(`another leads after ${(await succession(since)).toFixed(0)} ms`);
    for (const tab of tabs) await hit(tab);
    await allShow('hits', String(hits));
  });

  test('are led by another when the leader crashes', async (t) => {
    const leader = await takeLeader();
    const session = await context.newCDPSession(leader.page);
    const crashed = new Promise((resolve) => leader.page.once('crash', resolve));
    const since = performance.now();
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    t.diagnostic(`another leads after ${(await succession(since)).toFixed(0)} ms`);
    await leader.page.close();
    for (const tab of tabs) await hit(tab);
    await allShow('hits', String(hits));
  });

  test('agree with the server when it is back: each write counts once', async () => {
    await server.start();
    for (const tab of tabs) await tab.settled();
    assert.equal(await server.redisCli('GET', 'hits'), String(hits));
    await until('one connection', async () => (await connections()) === 1);
    tabs.push(await Page.open(context, server.url));
    await allShow('hits', String(hits));
    await hit(tabs.at(-1));
    await tabs.at(-1).settled();
    assert.equal(await server.redisCli('GET', 'hits'), String(hits));
  });

  test('come back from the storage without a server', async () => {
    await Promise.all(tabs.map((tab) => tab.stored()));
    await server.kill();
    // The page itself comes from the disk, as a service worker would bring it.
    const www = process.env.SANDERLING_WWW ?? fileURLToPath(new URL('../../www/dist', import.meta.url));
    await context.route(`${server.url}/**`, (route) => {
      const { pathname } = new URL(route.request().url());
      return route.fulfill({ path: join(www, pathname === '/' ? 'index.html' : pathname) });
    });
    for (const tab of tabs) tab.assertNoProblems();
    await Promise.all(tabs.map((tab) => tab.page.reload().then(() => tab.ready())));
    assert.equal(await leaders(), 1);
    await allShow('hits', String(hits));
    for (const tab of tabs) await hit(tab);
    await allShow('hits', String(hits));
    await server.start();
    for (const tab of tabs) await tab.settled();
    assert.equal(await server.redisCli('GET', 'hits'), String(hits));
  });
});
