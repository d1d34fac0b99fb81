/** One measurement of one engine's rebase. Prints the milliseconds as JSON. */

import { Server } from './lib/server.js';
import { keyOf, pause, quantile, Text } from './lib/stats.js';
import { sanderling } from './peers/sanderling.js';

const [name, json] = process.argv.slice(2);
const options = JSON.parse(json);
const COUNTERS = 100;
const REPEATS = 5;
const text = new Text();
const counterOf = (index) => `counter:${index % COUNTERS}`;
/** Every second pending command increments a counter, and the others set keys of their own. */
const isIncrement = (index) => index % 2 === 0;
const increments = Math.ceil(options.pending / 2);
const own = Array.from({ length: options.pending }, (_, index) => index).filter((index) => !isIncrement(index));

const engines = { sanderling: ofSanderling, replicache: ofReplicache };
console.log(JSON.stringify(await engines[name]()));
process.exit(0);

/** The real server and the package; the client's messages are held back, so that its commands stay pending. */
async function ofSanderling() {
  await sanderling.prepare(options.npm);
  const { open } = await import(`${options.npm}/dist/node.js`);
  const { default: WebSocket } = await import('ws');
  const server = await Server.start(sanderling, options);
  let isHeld = false;
  let arrived = 0;
  class Held extends WebSocket {
    send(data) {
      if (!isHeld) super.send(data);
    }

    set onmessage(handler) {
      super.onmessage = handler && ((event) => {
        arrived = performance.now();
        handler(event);
      });
    }
  }
  const other = await live(open, { url: server.url, WebSocket });
  for (let index = 0; index < options.keys; index++) other.set(keyOf(index), text.of(32));
  for (let index = 0; index < COUNTERS; index++) other.set(`counter:${index}`, 0);
  await other.settled();
  const figures = { few: [], all: [] };
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const kind of ['few', 'all']) {
      const db = await live(open, { url: server.url, WebSocket: Held, storage: 'memory' });
      isHeld = true;
      for (let index = 0; index < options.pending; index++) {
        if (isIncrement(index)) db.incr(counterOf(index / 2));
        else db.set(keyOf(index), 'mine');
      }
      await pause(50);
      const before = Number(db.get('counter:0'));
      const shown = new Promise((resolve) => {
        db.subscribeKey('counter:0', () => {
          if (Number(db.get('counter:0')) === before + 1000) resolve(performance.now());
        });
      });
      // One transaction, which comes as one message.
      other.transaction((transaction) => {
        transaction.incrby('counter:0', 1000);
        if (kind === 'few') return;
        for (let index = 1; index < COUNTERS; index++) transaction.incrby(`counter:${index}`, 1000);
        for (const index of own) transaction.set(keyOf(index), 'theirs');
      });
      const at = await shown;
      figures[kind].push(at - arrived);
      const right = own.every((index) => db.get(keyOf(index)) === 'mine');
      if (!right || db.status.pending !== options.pending) throw new Error('the rebase is wrong');
      isHeld = false;
      await db.close();
      await pause(50);
    }
  }
  await server.stop();
  return { few: quantile(figures.few, 0.5), all: quantile(figures.all, 0.5) };
}

async function live(open, options) {
  const db = await open({ storage: 'memory', ...options });
  while (db.status.state !== 'live') await pause(2);
  return db;
}

/** Replicache in memory; the server is two functions, so that nothing but the client is measured. */
async function ofReplicache() {
  const { Replicache, TEST_LICENSE_KEY } = await import('replicache');
  const figures = { few: [], all: [] };
  // It takes seconds, and has been compiled after the first thousands of commands: one of each will do.
  for (const kind of ['few', 'all']) {
    let cookie = 0;
    let patch = [];
    let arrived = 0;
    const replicache = new Replicache({
      name: `bench-${kind}`,
      licenseKey: TEST_LICENSE_KEY,
      kvStore: 'mem',
      pullInterval: null,
      pushDelay: 2 ** 30,
      logLevel: 'error',
      mutators: {
        async increment(tx, key) {
          await tx.set(key, ((await tx.get(key)) ?? 0) + 1);
        },
        async set(tx, { key, value }) {
          await tx.set(key, value);
        },
      },
      async puller() {
        cookie++;
        arrived = performance.now();
        const response = { cookie, lastMutationIDChanges: {}, patch };
        return { response, httpRequestInfo: { httpStatusCode: 200, errorMessage: '' } };
      },
      async pusher() {
        return { httpRequestInfo: { httpStatusCode: 500, errorMessage: 'held back' } };
      },
    });
    const until = (key, wanted) =>
      new Promise((resolve) => {
        const stop = replicache.subscribe((tx) => tx.get(key), (value) => {
          if (value !== wanted) return;
          stop();
          resolve(performance.now());
        });
      });
    for (let index = 0; index < options.keys; index++) patch.push({ op: 'put', key: keyOf(index), value: text.of(32) });
    for (let index = 0; index < COUNTERS; index++) patch.push({ op: 'put', key: `counter:${index}`, value: 0 });
    const loaded = until('counter:99', 0);
    await replicache.pull();
    await loaded;
    for (let index = 0; index < options.pending; index++) {
      if (isIncrement(index)) await replicache.mutate.increment(counterOf(index / 2));
      else await replicache.mutate.set({ key: keyOf(index), value: 'mine' });
    }
    const mine = Math.ceil(increments / COUNTERS);
    patch = [{ op: 'put', key: 'counter:0', value: 1000 }];
    if (kind === 'all') {
      for (let index = 1; index < COUNTERS; index++) patch.push({ op: 'put', key: `counter:${index}`, value: 1000 });
      for (const index of own) patch.push({ op: 'put', key: keyOf(index), value: 'theirs' });
    }
    const shown = until('counter:0', 1000 + mine);
    await replicache.pull();
    figures[kind].push((await shown) - arrived);
    const value = await replicache.query((tx) => tx.get(keyOf(own[0])));
    if (value !== 'mine') throw new Error('the rebase is wrong');
    await replicache.close();
  }
  return { few: figures.few[0], all: figures.all[0] };
}
