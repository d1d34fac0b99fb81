/** A page that has to show who it is: what a real browser lets through, and what it lets the page know. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, Page, Server } from './harness.js';

const PASSWORD = 'a (long) pässword, with everything?&%41';

describe('a server that asks for a token', { timeout: 120_000 }, () => {
  let server;
  let browser;

  before(async () => {
    [server, browser] = await Promise.all([Server.start('--requirepass', PASSWORD), launch()]);
  });

  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  async function open(token) {
    const context = await browser.newContext();
    return Page.open(context, `${server.url}/?token=${encodeURIComponent(token)}`);
  }

  test('the right one opens it', async () => {
    const page = await open(PASSWORD);
    await page.state('live');
    assert.equal(await page.type('SET k v'), 'OK');
    await page.settled();
    page.assertNoProblems();
  });

  test('the page is told why a wrong one does not', async () => {
    for (const [token, why] of [
      ['wrong', 'the password is wrong'],
      ['', 'this server asks for a token, and none was given'],
    ]) {
      const page = await open(token);
      await page.state('offline');
      await page.page.locator('li.error', { hasText: why }).first().waitFor({ state: 'attached' });
      assert.equal(await page.type('SET k v'), 'OK');
      assert.equal(await page.pending(), 1);
      page.assertNoProblems();
    }
  });
});
