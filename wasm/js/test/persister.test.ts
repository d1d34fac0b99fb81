/** When things are stored: commands at once, the rest when there is time. Time and storage are the test's own. */

import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import { SanderlingError } from '../src/errors.js';
import { Persister } from '../src/persister.js';
import type { Port } from '../src/port.js';
import { type Batch, changes, isStrict, type Pair, type Store } from '../src/storage/batch.js';
import { ports } from './engine.js';

/** A storage that says when it is done, or that it failed. */
class FakeStore implements Store {
  readonly kind = 'indexeddb';
  readonly pairs = new Map<string, Pair>();
  /** What each transaction was: `strict` or `relaxed`, and how many pairs it put. */
  readonly log: string[] = [];
  readonly #running: { resolve: () => void; reject: (error: unknown) => void; batches: readonly Batch[] }[] = [];

  write(batches: readonly Batch[]): Promise<void> {
    const puts = batches.flatMap((batch) => [...changes(batch)].filter(({ kind }) => kind === 'put'));
    this.log.push(`${batches.some(isStrict) ? 'strict' : 'relaxed'} ${puts.length}`);
    return new Promise((resolve, reject) => this.#running.push({ resolve, reject, batches }));
  }

  async complete(): Promise<void> {
    const { resolve, batches } = this.#running.shift()!;
    const text = (key: Uint8Array): string => Buffer.from(key).toString();
    for (const batch of batches)
      for (const change of changes(batch))
        if (change.kind === 'put') this.pairs.set(text(change.key), [change.key, change.value]);
        else for (const key of [...this.pairs.keys()]) if (key.startsWith(text(change.key))) this.pairs.delete(key);
    resolve();
    await settle();
  }

  async fail(error: unknown): Promise<void> {
    this.#running.shift()!.reject(error);
    await settle();
  }

  load = (): Promise<Pair[]> => Promise.resolve([...this.pairs.values()]);
  salvage = this.load;
  quarantine = (): Promise<string> => Promise.resolve('nowhere');
  close = (): Promise<void> => Promise.resolve();
}

/** Lets what awaits a resolved promise go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}

async function make(t: TestContext): Promise<{ port: Port; store: FakeStore; persister: Persister; warnings: string[] }> {
  const newPort = await ports();
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const port = newPort();
  const store = new FakeStore();
  const warnings: string[] = [];
  const persister = new Persister(port, ({ code }, isMemory) => warnings.push(isMemory ? `${code} memory` : code));
  persister.start(store, { anew: false });
  return { port, store, persister, warnings };
}

test('commands are stored at once and strictly, and what comes meanwhile together afterwards', async (t) => {
  const { port, store, persister } = await make(t);
  port.execute('INCR', ['n'], 0);
  persister.now();
  assert.deepEqual(store.log, ['strict 1']);
  for (let count = 0; count < 10; count++) {
    port.execute('INCR', ['n'], 0);
    persister.now();
  }
  let isStored = false;
  void persister.stored().then(() => (isStored = true));
  assert.deepEqual(store.log, ['strict 1'], 'one transaction at a time');
  await store.complete();
  assert.deepEqual(store.log, ['strict 1', 'strict 1'], 'and the ten others in one');
  assert.equal(isStored, false, 'what is not complete is not stored');
  await store.complete();
  assert.equal(isStored, true);
});

test('a page that is left stores without waiting for its turn', async (t) => {
  const { port, store, persister } = await make(t);
  port.execute('INCR', ['n'], 0);
  persister.now();
  port.execute('INCR', ['n'], 0);
  persister.flush();
  assert.deepEqual(store.log, ['strict 1', 'strict 1']);
  await store.complete();
  await store.complete();
  persister.flush();
  assert.equal(store.log.length, 2);
});

test('the rest waits half a second, and is stored once', async (t) => {
  const { port, store, persister } = await make(t);
  // A generation of everything is what a storage that is new to it gets.
  port.startStoring();
  for (let count = 0; count < 5; count++) persister.soon();
  const compact = t.mock.method(port, 'compact');
  mock.timers.tick(499);
  assert.deepEqual(store.log, []);
  mock.timers.tick(1);
  assert.deepEqual(store.log, ['relaxed 1']);
  assert.equal(compact.mock.callCount(), 1, 'also at the start, and only when there is time');
  await store.complete();
  mock.timers.tick(5_000);
  assert.equal(store.log.length, 1);
});

test('a storage that fails is tried again, less and less often, and gets everything', async (t) => {
  const { port, store, persister, warnings } = await make(t);
  port.execute('INCR', ['n'], 0);
  persister.now();
  await store.fail(new SanderlingError('QUOTA', 'full'));
  assert.deepEqual(warnings, ['QUOTA memory']);
  assert.equal(persister.kind, 'memory');
  port.execute('INCR', ['n'], 0);
  persister.now();
  assert.equal(store.log.length, 1, 'nothing is written on top of what is missing');
  for (const waitMs of [10_000, 20_000, 40_000]) {
    const before: number = store.log.length;
    mock.timers.tick(waitMs - 1);
    assert.equal(store.log.length, before);
    mock.timers.tick(1);
    assert.equal(store.log.length, before + 1);
    if (waitMs < 40_000) await store.fail(new Error('still full'));
    else await store.complete();
  }
  assert.deepEqual(warnings, ['QUOTA memory', 'STORAGE'], 'told once, and that it works again');
  assert.equal(persister.kind, 'indexeddb');
  const twin = (await ports())();
  twin.load(await store.load());
  twin.execute('GET', ['n'], 0);
  assert.equal(twin.reply(false), '2');
});

test('a storage that was deleted is filled again', async (t) => {
  const { port, store, persister, warnings } = await make(t);
  port.execute('INCR', ['n'], 0);
  persister.now();
  await store.fail(new SanderlingError('DELETED', 'gone'));
  assert.deepEqual(warnings, ['DELETED']);
  await store.complete();
  assert.equal(persister.kind, 'indexeddb');
  assert.deepEqual([...store.pairs.keys()].map((key) => key.slice(0, 4)).sort(), ['head', 'pend']);
});

test('it can give its storage up, and take another one', async (t) => {
  const { port, store, persister, warnings } = await make(t);
  port.execute('INCR', ['n'], 0);
  assert.equal(persister.stop(), store);
  assert.deepEqual(store.log, ['strict 1'], 'what was left is stored');
  await store.complete();
  port.execute('INCR', ['n'], 0);
  persister.now();
  await persister.stored();
  assert.equal(store.log.length, 1);
  assert.equal(persister.kind, 'memory');
  const other = new FakeStore();
  persister.start(other, { anew: true });
  persister.now();
  assert.deepEqual(other.log, ['strict 2'], 'both commands in one pair, and a head');
  await other.complete();
  assert.deepEqual(warnings, []);
});

test('in the hands of a newer release it is given up for good', async (t) => {
  const { port, store, persister, warnings } = await make(t);
  port.execute('INCR', ['n'], 0);
  persister.now();
  await store.fail(new SanderlingError('UPGRADED', 'newer'));
  assert.deepEqual(warnings, ['UPGRADED memory']);
  mock.timers.tick(1_000_000);
  assert.equal(store.log.length, 1);
});
