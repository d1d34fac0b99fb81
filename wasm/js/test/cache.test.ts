/** Cached values on a fake clock: when they are loaded, by whom, and what happens when that fails. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache, type CacheHost, type CachedOptions } from '../src/cache.js';
import { SanderlingError } from '../src/errors.js';

/** A store with deadlines and a clock, and a source that can fail or take its time. */
class World implements CacheHost {
  now = 0;
  readonly store = new Map<string, { value: string; expiresAt: number }>();
  readonly unknown = new Set<string>();
  readonly reports: SanderlingError[] = [];
  fetched = 0;
  loads = 0;
  fails = false;
  readonly cache = new Cache(this);

  isKnown(key: string): boolean {
    return !this.unknown.has(key);
  }

  async fetch(key: string): Promise<void> {
    this.fetched++;
    if (!this.unknown.delete(key)) throw new Error('it was known');
  }

  timeLeft(key: string): number {
    const entry = this.store.get(key);
    return !entry ? -2 : entry.expiresAt === Infinity ? -1 : entry.expiresAt - this.now;
  }

  write(key: string, value: string | Uint8Array, ms: number): void {
    this.store.set(key, { value: String(value), expiresAt: this.now + ms });
  }

  error(code: string, text: string, options?: ErrorOptions): SanderlingError {
    return new SanderlingError(code, text, options);
  }

  report(error: SanderlingError): void {
    this.reports.push(error);
  }

  read(key: string): string | null {
    const entry = this.store.get(key);
    return entry && entry.expiresAt > this.now ? entry.value : null;
  }

  async get(key: string, options: CachedOptions = { ttl: 100, staleFor: 50 }): Promise<string> {
    const load = async (): Promise<string> => {
      const count = ++this.loads;
      await Promise.resolve();
      if (this.fails) throw new Error('the origin is down');
      return `value ${count}`;
    };
    return String(await this.cache.get(key, load, options, (key) => this.read(key)));
  }
}

/** Lets what runs in the background come to its end. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a value is loaded once, served while fresh, reloaded while stale, and loaded anew when it is gone', async () => {
  const world = new World();
  assert.equal(await world.get('k'), 'value 1');
  assert.equal(world.timeLeft('k'), 150, 'the expiry covers both spans');
  world.now = 99;
  assert.equal(await world.get('k'), 'value 1');
  await settled();
  assert.equal(world.loads, 1);
  world.now = 100;
  assert.equal(await world.get('k'), 'value 1', 'stale, at once');
  await settled();
  assert.equal(world.loads, 2);
  assert.equal(await world.get('k'), 'value 2');
  world.now = 300;
  assert.equal(await world.get('k'), 'value 3', 'gone');
});

test('many callers make one load, fresh or stale', async () => {
  const world = new World();
  const callers = Array.from({ length: 20 }, () => world.get('k'));
  assert.deepEqual(new Set(await Promise.all(callers)), new Set(['value 1']));
  world.now = 120;
  await Promise.all(Array.from({ length: 20 }, () => world.get('k')));
  await settled();
  assert.equal(world.loads, 2);
  await Promise.all([world.get('a'), world.get('b')]);
  assert.equal(world.loads, 4, 'keys have nothing to do with each other');
});

test('a load that fails is reported while there is a stale value, and thrown otherwise', async () => {
  const world = new World();
  world.fails = true;
  await assert.rejects(world.get('k'), /the origin is down/);
  world.fails = false;
  assert.equal(await world.get('k'), 'value 2', 'a failure is not remembered');
  world.fails = true;
  world.now = 120;
  assert.equal(await world.get('k'), 'value 2');
  await settled();
  assert.equal(world.reports.length, 1);
  assert.equal(world.reports[0]!.code, 'LOAD');
  assert.match(world.reports[0]!.message, /k .*the origin is down/);
});

test('an unknown key is asked for before it is loaded; a value without an expiry is always fresh', async () => {
  const world = new World();
  world.store.set('k', { value: 'from the server', expiresAt: Infinity });
  world.unknown.add('k');
  assert.equal(await world.get('k'), 'from the server');
  assert.deepEqual([world.fetched, world.loads], [1, 0]);
});

test('spans that make no sense are refused, and so is what is no value', async () => {
  const world = new World();
  for (const options of [{ ttl: 0 }, { ttl: -1 }, { ttl: NaN }, { ttl: 1, staleFor: -1 }, { ttl: Infinity }])
    await assert.rejects(world.get('k', options), { code: 'OPTIONS' });
  const nothing = (): string => undefined as unknown as string;
  await assert.rejects(world.cache.get('k', nothing, { ttl: 1 }, () => null), { code: 'OPTIONS' });
});
