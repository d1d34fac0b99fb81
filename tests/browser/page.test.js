/** The page for itself: console, list of keys, documentation, themes, and that it can be used without a mouse. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, Page, Server, until } from './harness.js';

const KEYS = 5_000;

describe('the page', { timeout: 180_000 }, () => {
  let server;
  let browser;
  let context;
  let page;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    await server.redisCliLines(Array.from({ length: KEYS }, (_, index) => `SET item:${String(index).padStart(5, '0')} value-${index}`));
    context = await browser.newContext({ colorScheme: 'light' });
    page = await Page.open(context, server.url);
    await page.state('live');
  });

  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test('the console prints as redis-cli does', async () => {
    assert.equal(await page.type('RPUSH l a "b c" \'d"\''), '(integer) 3');
    assert.equal(await page.type('LRANGE l 0 -1'), '1) "a"\n2) "b c"\n3) "d\\""');
    assert.equal(await page.type('HSET h f "line\\nbreak \\x00"'), '(integer) 1');
    assert.equal(await page.type('HGETALL h'), '1) "f"\n2) "line\\nbreak \\x00"');
    assert.equal(await page.type('GET nothing'), '(nil)');
    assert.equal(await page.type('INCR l'), '(error) WRONGTYPE Operation against a key holding the wrong kind of value');
    assert.equal(await page.type('SET "open'), 'Invalid argument(s)');
    assert.match(await page.type('NOSUCH a'), /^\(error\) ERR unknown command 'NOSUCH'/);
    assert.equal(await page.type('KEYS none:*'), '(empty array)');
    const ours = await page.type('ZADD z 1.5 a 2 b');
    assert.equal(ours, '(integer) 2');
    await page.settled();
    const theirs = await server.redisCli('--no-raw', 'ZRANGE', 'z', '0', '-1', 'WITHSCORES');
    assert.equal(await page.type('ZRANGE z 0 -1 WITHSCORES'), theirs);
  });

  test('the console remembers, completes, hints and explains', async () => {
    await page.type('SET remembered 1');
    await page.type('GET remembered');
    await page.input.press('ArrowUp');
    assert.equal(await page.input.inputValue(), 'GET remembered');
    await page.input.press('ArrowUp');
    assert.equal(await page.input.inputValue(), 'SET remembered 1');
    await page.input.press('ArrowDown');
    await page.input.press('ArrowDown');
    assert.equal(await page.input.inputValue(), '');
    await page.input.pressSequentially('getr');
    await page.input.press('Tab');
    assert.equal(await page.input.inputValue(), 'getrange ');
    assert.equal(await page.page.locator('#ghost').textContent(), 'getrange key start end');
    await page.input.fill('get item:0004');
    await page.input.press('Tab');
    await page.input.press('Tab');
    assert.equal(await page.input.inputValue(), 'get item:00041');
    assert.match(await page.type('help zadd'), /ZADD key .*\n.*summary: /);
    await page.input.fill('clear');
    await page.input.press('Enter');
    assert.equal(await page.output.locator('.entry').count(), 0);
    await page.page.reload();
    await page.ready();
    await page.input.press('ArrowUp');
    assert.equal(await page.input.inputValue(), 'clear');
    await page.input.fill('');
  });

  test('pasted lines run one after the other', async () => {
    await page.input.focus();
    await page.input.evaluate((input) => {
      const data = new DataTransfer();
      data.setData('text/plain', 'SET pasted 1\nINCR pasted\n\nGET pas');
      input.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    });
    assert.equal(await page.call('GET', 'pasted'), '2');
    assert.equal(await page.input.inputValue(), 'GET pas');
    await page.input.fill('');
  });

  test('a transaction arrives whole', async () => {
    assert.equal(await page.type('MULTI'), 'OK');
    assert.equal(await page.type('INCR tx'), 'QUEUED');
    assert.equal(await page.type('INCR tx'), 'QUEUED');
    assert.equal(await page.type('EXEC'), '1) (integer) 1\n2) (integer) 2');
    await page.settled();
    assert.equal(await server.redisCli('GET', 'tx'), '2');
    await page.page.getByTestId('keys-filter').fill('tx');
    await page.shows('tx', '2');
  });

  test('thousands of keys are a few rows', async () => {
    const filter = page.page.getByTestId('keys-filter');
    await filter.fill('item:*');
    const count = page.page.getByTestId('keys-count');
    await until('all keys to be counted', async () => (await count.innerText()).startsWith('5,000 of '));
    const rows = page.page.getByTestId('keys').locator('li:visible');
    assert.ok((await rows.count()) < 80);
    await page.shows('item:00003', 'value-3');
    await page.page.getByTestId('keys').evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.shows('item:04999', 'value-4999');
    await filter.fill('item:0123?');
    await until('ten to match', async () => (await count.innerText()).startsWith('10 of '));
    await page.page.locator('[data-key="item:01234"]').click();
    assert.equal(await page.input.inputValue(), 'GET item:01234');
    await page.input.fill('');
    await filter.fill('no such key');
    await until('none to match', async () => (await count.innerText()).startsWith('0 of '));
    await filter.fill('');
  });

  test('a deadline counts down and the key goes', async () => {
    await page.page.getByTestId('keys-filter').fill('short');
    await page.type('SET short lived PX 1500');
    const ttl = page.page.locator('[data-key=short] .ttl');
    assert.match(await ttl.innerText(), /^[01]\.\ds$/);
    await until('the key to go', async () => (await page.page.locator('[data-key=short]').count()) === 0);
    await page.page.getByTestId('keys-filter').fill('');
  });

  test('the keyboard alone is enough', async () => {
    await page.page.getByTestId('keys-filter').fill('item:0000');
    await until('the rows to be there', () => page.page.locator('[data-key="item:00001"]').isVisible());
    await page.page.getByTestId('keys-filter').press('Tab');
    await page.page.keyboard.press('ArrowDown');
    await page.page.keyboard.press('ArrowDown');
    await page.page.keyboard.press('Enter');
    await until('the command to run', async () => (await page.output.innerText()).includes('"value-1"'));
    await page.networkSwitch.focus();
    await page.page.keyboard.press('Space');
    await page.state('offline');
    assert.equal(await page.networkSwitch.getAttribute('aria-checked'), 'false');
    await page.page.keyboard.press('Space');
    await page.state('live');
    // What a screen reader needs: every field and button has a name.
    const unnamed = await page.page.evaluate(
      () =>
        [...document.querySelectorAll('input, button, [role=listbox], [role=log], canvas')].filter(
          (element) => !(element.getAttribute('aria-label') || element.textContent.trim() || element.labels?.length),
        ).length,
    );
    assert.equal(unnamed, 0);
    await page.page.getByTestId('keys-filter').fill('');
  });

  test('the theme follows the system until it is chosen', async () => {
    const ground = () => page.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.page.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();
    assert.notEqual(light, dark);
    await page.page.locator('#theme').click();
    assert.equal(await ground(), light);
    await page.page.reload();
    await page.ready();
    assert.equal(await ground(), light);
    await page.page.locator('#theme').click();
    assert.equal(await ground(), dark);
    await page.page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await ground(), light);
  });

  test('the documentation is there, without a network too', async () => {
    await page.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await until('the worker to serve the page', () => page.page.evaluate(() => navigator.serviceWorker.controller !== null));
    await context.setOffline(true);
    await page.page.goto(`${server.url}/#/docs/how-it-works`);
    await page.page.reload();
    const article = page.page.locator('#docs-article');
    await until('the page to show', async () => (await article.locator('h1').innerText()) === 'How it works');
    await page.page.locator('#docs-nav a').filter({ hasText: 'Commands' }).click();
    await until('the commands to show', async () => (await article.innerText()).includes('ZADD'));
    const links = await page.page.locator('#docs-nav a').evaluateAll((all) => all.map((link) => link.hash));
    for (const link of links) {
      await page.page.goto(`${server.url}/${link}`);
      await until(`${link} to show`, async () => (await page.page.locator('#docs-nav a[aria-current]').getAttribute('href')) === link);
      const dead = await article.locator('a[href^="#/docs/"]').evaluateAll((all, known) => all.map((a) => a.hash).filter((hash) => !known.includes(hash.split('/').slice(0, 3).join('/'))), links);
      assert.deepEqual(dead, [], `the links of ${link} lead to pages`);
    }
    await context.setOffline(false);
  });

  test('nothing goes past a narrow screen', async () => {
    await page.page.goto(`${server.url}/`);
    await page.page.reload();
    await page.ready();
    for (const [width, height] of [[390, 844], [900, 1000], [1440, 900]]) {
      await page.page.setViewportSize({ width, height });
      const wide = await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${wide} pixels too wide at ${width}`);
    }
  });

  test('nothing went wrong in the page', () => page.assertNoProblems());
});
