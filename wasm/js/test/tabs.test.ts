/** Tabs of one browser: the real engines and client, with locks and a storage of this process in the place of a browser's. */

import assert from 'node:assert/strict';
import test from 'node:test';
import { WebSocket } from 'ws';
import { Sanderling } from '../src/client.js';
import type { WebSocketConstructor } from '../src/link.js';
import { engine } from '../src/module.js';
import { Port } from '../src/port.js';
import { type Batch, changes, type Pair, type Store } from '../src/storage/batch.js';
import { Election, type Locks } from '../src/tabs/election.js';
import { Random } from './engine.js';

/** What Web Locks are here: the holder of each name, and who waits. */
class FakeLocks implements Locks {
  readonly #queues = new Map<string, (() => void)[]>();

  query(): Promise<LockManagerSnapshot> {
    const held = [...this.#queues].flatMap(([name, queue]) => (queue.length > 0 ? [{ name }] : []));
    return Promise.resolve({ held, pending: [] });
  }

  request(name: string, ...rest: unknown[]): Promise<never> {
    const [options, callback] = rest as [LockOptions, (lock: Lock | null) => unknown];
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const hold = (): void =>
        void Promise.resolve(callback({ name, mode: 'exclusive' })).then((value) => {
          queue.shift();
          queue[0]?.();
          resolve(value as never);
        });
      if (queue.length > 0 && options.ifAvailable) return resolve(callback(null) as never);
      options.signal?.addEventListener('abort', () => {
        const at = queue.indexOf(hold);
        if (at > 0) queue.splice(at, 1);
        if (at !== 0) reject(new Error('aborted'));
      });
      queue.push(hold);
      if (queue.length === 1) hold();
    });
  }
}

/** A storage that outlives the tabs. */
class Disk {
  readonly pairs = new Map<string, Pair>();

  open(): Store {
    const load = (): Promise<Pair[]> =>
      Promise.resolve([...this.pairs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, pair]) => pair));
    const write = (batches: readonly Batch[]): Promise<void> => {
      for (const change of batches.flatMap((batch) => [...changes(batch)])) {
        const name = Buffer.from(change.key).toString('latin1');
        if (change.kind === 'put') this.pairs.set(name, [change.key, change.value]);
        else if (change.kind === 'delete') this.pairs.delete(name);
        else for (const other of this.pairs.keys()) if (other.startsWith(name)) this.pairs.delete(other);
      }
      return Promise.resolve();
    };
    const quarantine = (): Promise<string> => Promise.reject(new Error('nothing here is damaged'));
    return { kind: 'indexeddb', load, salvage: load, write, quarantine, close: () => Promise.resolve() };
  }
}

const names = new Random(Date.now());

/** One browser profile. */
class Browser {
  readonly #locks = new FakeLocks();
  readonly #disk = new Disk();
  readonly #name = `test-${names.below(2 ** 31)}`;

  async open(globs: readonly string[] = ['*']): Promise<Sanderling> {
    const instance = await engine();
    const election = new Election(this.#locks, this.#name);
    const isLeader = await election.take();
    const port = new Port(instance, globs);
    const openStore = (): Promise<Store> => Promise.resolve(this.#disk.open());
    const store = isLeader ? await openStore() : undefined;
    if (store) port.load(await store.load());
    const options = { name: this.#name, release: 'test', locks: this.#locks, election, isLeader, globs, url: null };
    const webSocket = (): Promise<WebSocketConstructor> => Promise.resolve(WebSocket as unknown as WebSocketConstructor);
    const db = new Sanderling(port, store, openStore, webSocket, undefined, options);
    await db.arrived;
    return db;
  }
}

/** Waits until a condition holds; changes and states of tabs arrive as messages. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('tabs without a server see what each of them writes, and the next that is opened does', async () => {
  const browser = new Browser();
  const tabs = [await browser.open(), await browser.open(), await browser.open()];
  assert.deepEqual(
    tabs.map((db) => db.status.role),
    ['leader', 'follower', 'follower'],
  );
  for (const db of [...tabs, ...tabs]) db.incr('hits');
  await until('all to show six', () => tabs.every((db) => db.get('hits') === '6'));
  tabs.push(await browser.open());
  assert.equal(tabs[3]!.get('hits'), '6');
  assert.ok(tabs.every((db) => db.status.pending === 6));
  await Promise.all(tabs.map((db) => db.close()));
});

test('when the leader goes the next leads, and nothing is lost or doubled', async () => {
  const browser = new Browser();
  let tabs = [await browser.open(), await browser.open(), await browser.open()];
  let hits = 0;
  const everybody = (): void => tabs.forEach((db) => (hits++, db.incr('hits')));
  while (tabs.length > 0) {
    everybody();
    const [leader, ...others] = tabs as [Sanderling, ...Sanderling[]];
    assert.equal(leader.status.role, 'leader');
    tabs = others;
    // Some commands are on their way, and some are run while nobody leads.
    const closed = leader.close();
    everybody();
    await closed;
    if (tabs.length > 0) await until('another to lead', () => tabs[0]!.status.role === 'leader');
    await until(`all to show ${hits}`, () => tabs.every((db) => db.get('hits') === String(hits)));
  }
  const again = await browser.open();
  assert.equal(again.get('hits'), String(hits), 'what the last leader stored');
  await again.close();
});

test('a tab hears of keys that another one changed', async () => {
  const browser = new Browser();
  const [left, right] = [await browser.open(), await browser.open()];
  const heard: (string | null)[] = [];
  left.subscribeKey('news:*', (key) => heard.push(key));
  right.set('news:1', 'x');
  await until('the change to be heard', () => heard.includes('news:1'));
  await Promise.all([left.close(), right.close()]);
});

test('calls on the server are lost with the connection, in every tab', async () => {
  const browser = new Browser();
  const [leader, follower] = [await browser.open(), await browser.open()];
  for (const db of [leader, follower]) await assert.rejects(db.remote('PING'), { code: 'LOST' });
  const call = follower.remote('PING');
  await Promise.all([assert.rejects(call, { code: 'LOST' }), leader.close()]);
  await follower.close();
});
