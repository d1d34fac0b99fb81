/** Fetching unknown keys: who is asked for what, once, and when it is given up. The replica is the test's own. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { SanderlingError } from '../src/errors.js';
import { type FetchHost, Fetches } from '../src/fetches.js';
import type { Status } from '../src/status.js';

class FakeReplica implements FetchHost {
  current: Status['state'] = 'live';
  readonly known = new Map<string, number>();
  readonly asked: string[][] = [];
  readonly globs: string[] = [];
  fails: SanderlingError | undefined;

  knows(key: string): number {
    return this.known.get(key) ?? 1;
  }

  state(): Status['state'] {
    return this.current;
  }

  ask(keys: readonly string[]): void {
    this.asked.push([...keys]);
  }

  async subscribe(glob: string): Promise<void> {
    if (this.fails) throw this.fails;
    this.globs.push(glob);
  }

  error(code: string, text: string): SanderlingError {
    return new SanderlingError(code, text);
  }

  unsubscribe(glob: string): void {
    this.globs.splice(this.globs.indexOf(glob), 1);
  }
}

function make(t: TestContext): { host: FakeReplica; fetches: Fetches } {
  const host = new FakeReplica();
  const fetches = new Fetches(host);
  t.after(() => fetches.close(new SanderlingError('CLOSED', 'the test is over')));
  return { host, fetches };
}

test('one question for a key, however many wait for it', async (t) => {
  const { host, fetches } = make(t);
  const waiting = [fetches.fetch(['a', 'b'], {}), fetches.fetch(['b'], {}), fetches.fetch(['a', 'c', 'a'], {})];
  assert.deepEqual(host.asked, [['a', 'b'], ['c']]);
  fetches.answered(['a', 'b', 'c']);
  await Promise.all(waiting);
  host.known.set('a', 2);
  await fetches.fetch(['a'], {});
  assert.equal(host.asked.length, 2, 'what is known is not asked for');
  void fetches.fetch(['b'], {}).catch(() => undefined);
  assert.equal(host.asked.length, 3, 'a key that is unknown again is asked for again');
});

test('a fetch while connecting is asked when the replica is live, if it still needs to be', async (t) => {
  const { host, fetches } = make(t);
  host.current = 'syncing';
  const [a, b] = [fetches.fetch(['a'], {}), fetches.fetch(['b'], {})];
  assert.deepEqual(host.asked, []);
  host.current = 'live';
  host.known.set('a', 2);
  fetches.handle();
  await a;
  assert.deepEqual(host.asked, [['b']]);
  fetches.answered(['b']);
  await b;
});

test('without a connection, or when it ends, a fetch is rejected', async (t) => {
  const { host, fetches } = make(t);
  for (const state of ['offline', 'waiting'] as const) {
    host.current = state;
    await assert.rejects(fetches.fetch(['a'], {}), { code: 'OFFLINE' });
  }
  host.known.set('k', 2);
  await fetches.fetch(['k'], {});
  host.current = 'live';
  const cut = fetches.fetch(['a'], {});
  host.current = 'connecting';
  fetches.handle();
  await assert.rejects(cut, { code: 'OFFLINE' });
  const closed = fetches.fetch(['a'], {});
  fetches.close(new SanderlingError('CLOSED', 'the replica was closed'));
  await assert.rejects(closed, { code: 'CLOSED' });
});

test('one who waits gives up at the deadline, and the others go on', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { host, fetches } = make(t);
  const [short, long] = [fetches.fetch(['a'], { timeout: 10 }), fetches.fetch(['a'], { timeout: 20 })];
  t.mock.timers.tick(10);
  await assert.rejects(short, { code: 'TIMEOUT' });
  fetches.answered(['a']);
  await long;
  assert.equal(host.asked.length, 1);
});

test('a key outside the interest is subscribed to by its name, until it is forgotten', async (t) => {
  const { host, fetches } = make(t);
  host.known.set('a[1]*', 0);
  await fetches.fetch(['a[1]*'], {});
  assert.deepEqual(host.globs, ['a\\[1\\]\\*']);
  host.known.set('a[1]*', 2);
  fetches.changed(['a[1]*'], false);
  assert.equal(host.globs.length, 1, 'a change is no forgetting');
  host.known.set('a[1]*', 1);
  fetches.changed(['other', 'a[1]*'], false);
  assert.deepEqual(host.globs, []);
  host.known.set('c', 0);
  await fetches.fetch(['c'], {});
  fetches.changed([], true);
  assert.deepEqual(host.globs, [], 'whatever changed, it is gone');

  host.fails = new SanderlingError('ERR', 'more patterns than allowed');
  host.known.set('b', 0);
  await assert.rejects(fetches.fetch(['b'], {}), { code: 'ERR' });
});

test('of keys outside the interest the last five hundred are held', async (t) => {
  const { host, fetches } = make(t);
  const keys = Array.from({ length: 600 }, (_, index) => `k${index}`);
  for (const key of keys) host.known.set(key, 0);
  for (const key of keys) await fetches.fetch([key], {});
  assert.deepEqual(host.globs, keys.slice(100));
});
