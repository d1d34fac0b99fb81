/** The connection: how it comes back, and when it gives up. Time and sockets are the test's own. */

import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import { Link, type LinkOwner, syncUrl, type WebSocketConstructor, type WebSocketLike } from '../src/link.js';
import type { TokenSource } from '../src/token.js';

/** A socket that does what the test says. */
class FakeSocket implements WebSocketLike {
  static all: FakeSocket[] = [];
  binaryType = '';
  onopen: ((event: unknown) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  sent: Uint8Array[] = [];
  closedWith: number | undefined;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
  }

  send(data: Uint8Array): void {
    this.sent.push(data);
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
  }
}

interface Watched extends LinkOwner {
  log: string[];
}

function make(t: TestContext, token?: TokenSource): { link: Link; owner: Watched; last: () => FakeSocket } {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  t.after(() => mock.timers.reset());
  FakeSocket.all = [];
  const log: string[] = [];
  const owner: Watched = {
    log,
    opened: () => log.push('opened'),
    received: (message) => log.push(`received ${message.length}`),
    renewed: (token) => log.push(`renewed ${token}`),
    ended: () => log.push('ended'),
    gaveUp: (error) => log.push(`gave up: ${error.code} ${error.message}`),
    changed: () => undefined,
  };
  const link = new Link(owner, () => Promise.resolve(FakeSocket as unknown as WebSocketConstructor), token);
  t.after(() => link.stop());
  return { link, owner, last: () => FakeSocket.all.at(-1)! };
}

/** Lets what awaits a resolved promise go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

test('it connects, carries messages and can be switched off', async (t) => {
  const { link, owner, last } = make(t);
  link.start('ws://h/sync');
  await settle();
  assert.equal(link.state, 'connecting');
  assert.deepEqual(last().protocols, ['sanderling.v1', 'sanderling.token.']);
  link.send(new Uint8Array(1));
  assert.deepEqual(last().sent, [], 'nothing is sent before it is open');
  last().onopen!({});
  link.send(new Uint8Array(2));
  last().onmessage!({ data: new ArrayBuffer(3) });
  assert.deepEqual(last().sent, [new Uint8Array(2)]);
  link.stop();
  assert.equal(last().closedWith, 1000);
  assert.deepEqual(owner.log, ['opened', 'received 3', 'ended']);
  assert.equal(link.state, 'off');
  mock.timers.tick(100_000);
  await settle();
  assert.equal(FakeSocket.all.length, 1, 'it stays off');
});

test('it tries again and again, after waits within bounds that double up to thirty seconds', async (t) => {
  const { link, last } = make(t);
  mock.method(Math, 'random', () => 0.999);
  t.after(() => mock.restoreAll());
  link.start('ws://h/sync');
  await settle();
  for (let attempt = 1; attempt <= 12; attempt++) {
    assert.equal(FakeSocket.all.length, attempt);
    last().onclose!({ code: 1006, reason: '' });
    assert.equal(link.state, 'waiting');
    const wait = link.retryAt! - Date.now();
    const bound = Math.min(30_000, 250 * 2 ** (attempt - 1));
    assert.ok(wait > bound * 0.99 && wait <= bound, `wait ${wait} of ${bound}`);
    mock.timers.tick(wait - 1);
    await settle();
    assert.equal(FakeSocket.all.length, attempt, 'not too early');
    mock.timers.tick(2);
    await settle();
  }
});

test('a server that accepts and closes does not get a client that hammers', async (t) => {
  const { link, last } = make(t);
  link.start('ws://h/sync');
  await settle();
  for (let attempt = 1; attempt <= 4; attempt++) {
    last().onopen!({});
    last().onclose!({ code: 1011, reason: 'broken' });
    assert.equal(link.attempt, attempt);
    mock.timers.tick(30_000);
    await settle();
  }
  last().onopen!({});
  link.works();
  assert.equal(link.attempt, 0);
  assert.equal(link.lastFailure, 'broken');
});

test('codes from 4000 to 4099 are final, others are not', async (t) => {
  for (const [code, final] of [[4000, true], [4099, true], [3999, false], [4100, false], [1000, false]] as const) {
    const { link, owner, last } = make(t);
    link.start('ws://h/sync');
    await settle();
    last().onopen!({});
    last().onclose!({ code, reason: 'so be it' });
    assert.equal(link.state, final ? 'off' : 'waiting');
    assert.deepEqual(owner.log, ['opened', 'ended', ...(final ? ['gave up: SYNC so be it'] : [])]);
    link.stop();
    mock.timers.reset();
  }
});

test('a connection that does not open in time is dropped, and its late answer ignored', async (t) => {
  const { link, owner, last } = make(t);
  link.start('ws://h/sync');
  await settle();
  const slow = last();
  mock.timers.tick(10_000);
  assert.equal(link.state, 'waiting');
  slow.onopen?.({});
  slow.onclose?.({ code: 1006, reason: '' });
  assert.deepEqual(owner.log, []);
  mock.timers.tick(30_000);
  await settle();
  assert.equal(FakeSocket.all.length, 2);
  assert.equal(link.state, 'connecting');
});

test('woken it waits no longer, and its waits begin small again', async (t) => {
  const { link, last } = make(t);
  link.start('ws://h/sync');
  await settle();
  for (let attempt = 1; attempt <= 6; attempt++) {
    last().onclose!({ code: 1006, reason: '' });
    mock.timers.tick(30_000);
    await settle();
  }
  last().onclose!({ code: 1006, reason: '' });
  const before = FakeSocket.all.length;
  link.wake();
  await settle();
  assert.equal(FakeSocket.all.length, before + 1);
  assert.equal(link.attempt, 1);
  link.wake();
  await settle();
  assert.equal(FakeSocket.all.length, before + 1, 'an attempt that has just begun is left alone');
  const later = performance.now() + 2_001;
  const clock = t.mock.method(performance, 'now', () => later);
  link.wake();
  await settle();
  clock.mock.restore();
  assert.equal(FakeSocket.all.length, before + 2, 'and one that is stale is not');
  assert.notEqual(FakeSocket.all.at(-2)!.closedWith, undefined);
  last().onclose!({ code: 1006, reason: '' });
  assert.ok(link.retryAt! - Date.now() <= 250);
  link.stop();
  link.wake();
  await settle();
  assert.equal(FakeSocket.all.length, before + 2, 'what is off stays off');
});

test('it never has two sockets, however it is switched', async (t) => {
  const { link, last } = make(t);
  for (let round = 0; round < 5; round++) {
    link.start('ws://h/sync');
    link.start('ws://h/sync');
    link.stop();
    link.start('ws://h/sync');
    link.start('ws://other/sync');
    await settle();
    last().onopen!({});
    assert.equal(FakeSocket.all.filter((socket) => socket.closedWith === undefined).length, 1);
    assert.equal(last().url, 'ws://other/sync');
  }
});

test('text from the server ends the connection, and another is tried', async (t) => {
  const { link, last } = make(t);
  link.start('ws://h/sync');
  await settle();
  last().onopen!({});
  last().onmessage!({ data: 'hello' });
  assert.equal(last().closedWith, 4001);
  assert.equal(link.state, 'waiting');
});

/** A token that nobody has signed, with an issue and an expiry in seconds. */
function unsigned(name: string, seconds: number): string {
  const payload = btoa(JSON.stringify({ sub: name, iat: 1000, exp: 1000 + seconds }));
  return `e30.${payload.replace(/=/g, '')}.${name}`;
}

test('a token travels as a subprotocol, whatever is in it', async (t) => {
  const { link, last } = make(t, 'pä(s) s,');
  link.start('ws://h/sync');
  await settle();
  assert.deepEqual(last().protocols, ['sanderling.v1', 'sanderling.token.p%C3%A4%28s%29%20s%2C']);
});

test('a token that is refused is not shown again', async (t) => {
  const { link, owner, last } = make(t, 'wrong');
  link.start('ws://h/sync');
  await settle();
  last().onopen!({});
  last().onclose!({ code: 4004, reason: 'the signature is wrong' });
  assert.equal(link.state, 'off');
  assert.deepEqual(owner.log, ['opened', 'ended', 'gave up: UNAUTHORIZED the signature is wrong']);
});

test('a refused token is followed by another, for as long as there are others', async (t) => {
  const tokens = ['one', 'two', 'two'];
  const { link, owner, last } = make(t, () => Promise.resolve(tokens.shift()!));
  link.start('ws://h/sync');
  await settle();
  for (const token of ['one', 'two']) {
    assert.equal(last().protocols[1], `sanderling.token.${token}`);
    last().onopen!({});
    last().onclose!({ code: 4004, reason: `${token} has expired` });
    assert.equal(link.state, 'waiting');
    mock.timers.tick(30_000);
    await settle();
  }
  assert.equal(FakeSocket.all.length, 2);
  assert.equal(link.state, 'off');
  assert.equal(owner.log.at(-1), 'gave up: UNAUTHORIZED two has expired');
  assert.equal(tokens.length, 0);
  tokens.push('two');
  link.start('ws://h/sync');
  await settle();
  assert.equal(FakeSocket.all.length, 3, 'switched on again, it tries again');
});

test('a token that cannot be had is a failure like others', async (t) => {
  let fails = true;
  const { link, last } = make(t, () => {
    if (fails) throw new Error('no session');
    return 'one';
  });
  link.start('ws://h/sync');
  await settle();
  assert.equal(link.state, 'waiting');
  assert.equal(link.lastFailure, 'no token: no session');
  fails = false;
  mock.timers.tick(30_000);
  await settle();
  assert.equal(last().protocols[1], 'sanderling.token.one');
});

test('a token is renewed before it expires, while the connection lasts', async (t) => {
  const tokens = [unsigned('a', 100), unsigned('b', 50), 'says nothing'];
  const { link, owner, last } = make(t, () => tokens.shift()!);
  link.start('ws://h/sync');
  await settle();
  last().onopen!({});
  mock.timers.tick(79_999);
  await settle();
  assert.deepEqual(owner.log, ['opened']);
  mock.timers.tick(1);
  await settle();
  assert.deepEqual(owner.log, ['opened', `renewed ${unsigned('b', 50)}`]);
  mock.timers.tick(40_000);
  await settle();
  assert.equal(owner.log.at(-1), 'renewed says nothing');
  mock.timers.tick(10 ** 9);
  await settle();
  assert.equal(owner.log.length, 3, 'one that does not say when it ends is kept');
});

test('a connection that was throttled is not opened again at once', async (t) => {
  const { link, last } = make(t);
  mock.method(Math, 'random', () => 0.999);
  t.after(() => mock.restoreAll());
  link.start('ws://h/sync');
  await settle();
  last().onopen!({});
  link.works();
  last().onclose!({ code: 4103, reason: 'too many messages a second: come back after a while' });
  assert.equal(link.state, 'waiting');
  assert.ok(link.retryAt! - Date.now() > 1900);
});

test('addresses are read as people write them', () => {
  assert.equal(syncUrl('http://h:1/sync'), 'ws://h:1/sync');
  assert.equal(syncUrl('https://h/sync?a=b#c'), 'wss://h/sync?a=b');
  for (const bad of ['', 'ftp://h/sync', 'not a url', 'h/sync'])
    assert.throws(() => syncUrl(bad), { name: 'SanderlingError', code: 'OPTIONS' }, bad);
});
