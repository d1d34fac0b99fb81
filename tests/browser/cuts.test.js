/**
 * Five tabs of two browsers behind a network that delays, cuts and swallows, and a server that is killed: what the tabs
 * were told is acknowledged counts, once, and in the end all agree.
 *
 * An increment of a counter goes with an entry in that counter's ledger, in one transaction, so it can be told which
 * increments counted. `SEED` repeats a run's fates, as far as timing lets it.
 */

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { launch, Page, Server, until } from './harness.js';
import { Proxy } from './proxy.js';
import { Random } from './random.js';
import { Resp } from './resp.js';

const SEED = Number(process.env.SEED ?? 20_261);
const TRAFFIC_MS = Number(process.env.TRAFFIC_MS ?? 20_000);
/** How much longer it may go on until the network has done all of these. */
const MORE_TRAFFIC_MS = 40_000;
const HARMS = ['cuts', 'truncated', 'swallowed', 'delayed', 'refused'];
const COUNTERS = 3;

describe(`five tabs, a network that cuts and a server that is killed (SEED=${SEED})`, { timeout: 240_000 }, () => {
  const random = new Random(SEED);
  /** What the tabs have said: entries that were written, stored and acknowledged. */
  const ledger = { issued: new Set(), stored: new Set(), acknowledged: new Set() };
  let server;
  let proxy;
  let browser;
  let contexts;
  let tabs;
  let operator;
  let client;

  before(async () => {
    server = await Server.start('--fsync', 'always');
    browser = await launch();
    proxy = await Proxy.start(() => server.http, SEED);
    contexts = await Promise.all([browser.newContext(), browser.newContext()]);
    for (const context of contexts) {
      await context.exposeFunction('report', (what, entries) => entries.forEach((entry) => ledger[what].add(entry)));
    }
    tabs = [];
    for (const index of [0, 0, 0, 1, 1]) tabs.push(await openTab(contexts[index]));
    await Promise.all(tabs.map((tab) => tab.page.state('live')));
  });

  after(async () => {
    client?.close();
    await browser?.close();
    await proxy?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('traffic, cuts, kills, closed and crashed tabs', async (t) => {
    operator = new Operator(server);
    proxy.harmAll();
    await Promise.all(tabs.map((tab) => work(tab)));
    const stopOperator = operator.work();
    const end = performance.now() + TRAFFIC_MS;
    const kills = [TRAFFIC_MS * 0.3, TRAFFIC_MS * 0.65].map((at) => performance.now() + at);
    let [killed, closed, crashed] = [0, 0, 0];
    // With one connection for all tabs of a browser, some things that a network does take longer to happen.
    const isSeen = () => HARMS.every((kind) => proxy.harm[kind] > 0);
    while (performance.now() < end || (!isSeen() && performance.now() < end + MORE_TRAFFIC_MS)) {
      await pause(900);
      if (kills.length > 0 && performance.now() > kills[0]) {
        kills.shift();
        await server.kill();
        killed += 1;
        await pause(random.below(800));
        await server.start();
      }
      const at = random.below(tabs.length * 3);
      const tab = tabs[at];
      if (!tab) continue;
      if (random.below(2) === 0) {
        await close(tab);
        closed += 1;
      } else {
        await crash(tab);
        crashed += 1;
      }
      tabs[at] = await openTab(tab.context);
      await work(tabs[at]);
    }
    await stopOperator();
    for (const tab of tabs) await tab.page.page.evaluate(() => globalThis.stopWork());
    t.diagnostic(`${killed} kills, ${closed} tabs closed, ${crashed} crashed, ${JSON.stringify(proxy.harm)}`);
    assert.ok(killed === 2 && closed + crashed > 0, 'what is to be survived happened');
    for (const kind of HARMS) {
      assert.ok(proxy.harm[kind] > 0, `the network did something: ${kind}`);
    }
  });

  test('all agree when the network is sound again, and what was acknowledged counts once', async (t) => {
    proxy.calm();
    for (const tab of tabs) {
      // Whoever waits for a later attempt need not: a program would do the same when the network is back.
      await tab.page.page.evaluate(() => globalThis.dispatchEvent(new Event('online')));
    }
    for (const tab of tabs) {
      await tab.page.state('live');
      await tab.page.settled();
    }
    client = await Resp.open(server.resp);
    const fresh = await openTab(await browser.newContext());
    await fresh.page.state('live');
    const onServer = (name, ...words) => client.call(name, ...words);
    for (const tab of [...tabs, fresh]) {
      const inTab = (name, ...words) => tab.page.call(name, ...words);
      let [expected, found] = [];
      await until('a tab to agree with the server', async () => {
        expected = await dump(onServer);
        found = await dump(inTab);
        return expected === found;
      }).catch((cause) => assert.equal(found, expected, cause.message));
    }

    let counted = 0;
    const seen = new Set();
    for (let index = 0; index < COUNTERS; index += 1) {
      const entries = await client.call('LRANGE', `ledger:${index}`, 0, -1);
      const counter = Number((await client.call('GET', `counter:${index}`)) ?? 0);
      assert.equal(counter, entries.length, `counter ${index} and its ledger came together`);
      for (const entry of entries) {
        assert.ok(!seen.has(entry), `${entry} counted twice`);
        seen.add(entry);
      }
      counted += entries.length;
    }
    const missing = (entries) => [...entries].filter((entry) => !seen.has(entry));
    assert.deepEqual(missing(ledger.acknowledged), [], 'what was acknowledged counts');
    assert.deepEqual(missing(ledger.stored), [], 'what was stored in the browser came in the end');
    const unknown = [...seen].filter((entry) => !ledger.issued.has(entry));
    // A tab that is gone may have written what it had no time to report.
    assert.ok(unknown.every((entry) => goneTabs.has(entry.split('/')[0])), `nobody wrote ${unknown.join(' ')}`);
    const lost = missing(ledger.issued).length;
    const value = Number(await client.call('GET', 'counter:operator'));
    assert.ok(value >= operator.acknowledged && value <= operator.acknowledged + operator.unknown, `${value} of the operator's`);
    const line =
      `${ledger.issued.size} increments, ${ledger.acknowledged.size} acknowledged before the end, ${counted} counted, ` +
      `${lost} lost with tabs that had not stored them`;
    t.diagnostic(line);
    console.log(line);
    assert.ok(ledger.acknowledged.size > 50, 'enough was acknowledged to mean something');
  });

  test('nothing went wrong in the pages', () => {
    for (const tab of tabs) tab.page.assertNoProblems();
  });

  /** Tabs that may have ended with reports unsent. */
  const goneTabs = new Set();
  let opened = 0;

  async function openTab(context) {
    opened += 1;
    const page = await Page.open(context, proxy.url);
    return { name: `tab${opened}`, context, page };
  }

  /** Lets a tab write on and on. */
  async function work(tab) {
    await tab.page.page.evaluate(
      ([name, seed, counters]) => {
        const { db } = globalThis;
        let state = seed;
        const below = (bound) => {
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
          return Math.floor((state / 2 ** 32) * bound);
        };
        let number = 0;
        const increment = () => {
          const counter = below(counters);
          const entry = `${name}/${(number += 1)}`;
          db.transaction((tx) => {
            tx.incr(`counter:${counter}`);
            tx.rpush(`ledger:${counter}`, entry);
          });
          globalThis.report('issued', [entry]);
          db.settled().then(() => globalThis.report('acknowledged', [entry]), () => undefined);
        };
        const meddle = () => {
          const key = `k:${below(8)}`;
          const value = String(below(100));
          const calls = [
            ['SET', key, value], ['SET', key, value, 'PX', '300'], ['SET', key, value, 'EX', '1000'], ['DEL', key],
            ['APPEND', key, value], ['LPUSH', `l${key}`, value, value], ['RPOP', `l${key}`], ['LTRIM', `l${key}`, '0', '5'],
            ['HSET', `h${key}`, value, value], ['HDEL', `h${key}`, value], ['SADD', `s${key}`, value], ['SPOP', `s${key}`],
            ['ZADD', `z${key}`, value, value], ['ZINCRBY', `z${key}`, '0.1', value], ['RENAME', `l${key}`, 'lk:0'],
            ['INCRBYFLOAT', `f${key}`, '0.1'],
          ];
          try {
            db.call(...calls[below(calls.length)]);
          } catch {
            // No such key, or another type: as good as any other outcome.
          }
        };
        const timer = setInterval(() => {
          for (let count = below(3); count >= 0; count -= 1) below(3) === 0 ? increment() : meddle();
        }, 60);
        globalThis.stopWork = () => clearInterval(timer);
      },
      [tab.name, random.below(2 ** 31), COUNTERS],
    );
  }

  /** Closes a tab; half of the time once all that it wrote is in the browser's storage, if it has one. */
  async function close(tab) {
    if (random.below(2) === 0) {
      await tab.page.page.evaluate(() => globalThis.stopWork());
      const mine = [...ledger.issued].filter((entry) => entry.startsWith(`${tab.name}/`));
      await tab.page.stored();
      const kept = await tab.page.page.evaluate(() => globalThis.db.status.storage !== 'memory');
      if (kept) for (const entry of mine) ledger.stored.add(entry);
    }
    goneTabs.add(tab.name);
    await tab.page.page.close();
  }

  /** Kills a tab's process. */
  async function crash(tab) {
    goneTabs.add(tab.name);
    const session = await tab.context.newCDPSession(tab.page.page);
    const crashed = new Promise((resolve) => tab.page.page.once('crash', resolve));
    void session.send('Page.crash').catch(() => undefined);
    await crashed;
    await tab.page.page.close();
  }
});

/** Somebody at the server, who writes to the same keys and counts for himself. */
class Operator {
  acknowledged = 0;
  /** Increments of which a killed server didn't say whether they counted. */
  unknown = 0;
  #server;

  constructor(server) {
    this.#server = server;
  }

  /** Writes until told to stop. */
  work() {
    let working = true;
    const done = (async () => {
      let client;
      for (let round = 0; working; round += 1) {
        try {
          client ??= await Resp.open(this.#server.resp);
          this.unknown += 1;
          await Promise.all([
            client.call('RPUSH', `lk:${round % 8}`, 'operator'),
            client.call('SET', `k:${round % 8}`, round),
            client.call('INCR', 'counter:operator').then(() => {
              this.unknown -= 1;
              this.acknowledged += 1;
            }),
          ]);
        } catch {
          client?.close();
          client = undefined;
        }
        await pause(20);
      }
      client?.close();
    })();
    return () => {
      working = false;
      return done;
    };
  }
}

/** All keys with their values and deadlines, in one text. */
async function dump(call) {
  const lines = [];
  for (const key of (await call('KEYS', '*')).sort()) {
    const type = await call('TYPE', key);
    const [name, ...words] = READ[type] ?? [];
    if (!name) continue;
    const value = await call(name, key, ...words);
    const parts = Array.isArray(value) ? value.flat() : value && typeof value === 'object' ? Object.entries(value).flat() : [value];
    const shown = type === 'list' || type === 'zset' ? parts : inPairs(parts, type === 'hash' ? 2 : 1).sort();
    lines.push(`${key} ${type} ${JSON.stringify(shown.map(String))} ${await call('PEXPIRETIME', key)}`);
  }
  return lines.join('\n');
}

function inPairs(parts, size) {
  return Array.from({ length: parts.length / size }, (_, index) => parts.slice(index * size, (index + 1) * size).join('='));
}

const READ = {
  string: ['GET'],
  list: ['LRANGE', 0, -1],
  set: ['SMEMBERS'],
  hash: ['HGETALL'],
  zset: ['ZRANGE', 0, -1, 'WITHSCORES'],
};
