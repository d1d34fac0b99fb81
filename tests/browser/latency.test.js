/** How long a write in one tab takes to reach the other tab's callback: printed, not judged. */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, Page, quantile, Server, until } from './harness.js';

const WRITES = 200;

describe('from a write to the callback in the other tab', { timeout: 120_000 }, () => {
  let server;
  let browser;
  let writer;
  let reader;

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    const contexts = await Promise.all([browser.newContext(), browser.newContext()]);
    [writer, reader] = await Promise.all(contexts.map((context) => Page.open(context, server.url)));
    await Promise.all([writer.state('live'), reader.state('live')]);
  });

  after(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test(`${WRITES} writes, one after the other`, async (t) => {
    await reader.page.evaluate(() => {
      globalThis.seen = new Map();
      globalThis.db.subscribeKey('latency', () => {
        const now = performance.timeOrigin + performance.now();
        globalThis.seen.set(Number(globalThis.db.get('latency')), now);
      });
    });
    const written = await writer.page.evaluate(async (writes) => {
      const times = [];
      for (let index = 0; index < writes; index += 1) {
        times.push(performance.timeOrigin + performance.now());
        globalThis.db.set('latency', String(index));
        // So that each is a message of its own, and none waits for the one before.
        await new Promise((resume) => setTimeout(resume, 10));
      }
      return times;
    }, WRITES);
    const seen = () => reader.page.evaluate(() => [...globalThis.seen]);
    await until('the last write to arrive', async () => (await seen()).some(([index]) => index === WRITES - 1));
    const times = (await seen()).map(([index, time]) => time - written[index]);
    assert.ok(times.length > WRITES / 2, `${times.length} of ${WRITES} writes were seen one by one`);
    const shown = (share) => `${quantile(times, share).toFixed(2)} ms`;
    const line = `write → other tab's callback: p50 ${shown(0.5)}, p95 ${shown(0.95)}, of ${times.length} writes`;
    t.diagnostic(line);
    console.log(line);
  });
});
