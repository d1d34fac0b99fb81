/** Tokens, made here, shown to the real server: what they allow, when they are refused, and how they are renewed. */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as nodeTest, type TestContext } from 'node:test';
import type { Sanderling } from '../src/client.js';
import type { OpenOptions } from '../src/open.js';
import { renewalDelay } from '../src/token.js';
import { next, open } from './engine.js';
import { BINARY, Server } from './server.js';

/** Without a server there is nothing to test; `cargo xtask test` always has one. */
function test(name: string, run: (t: TestContext) => Promise<void>): void {
  if (BINARY) void nodeTest(name, { timeout: 60_000 }, run);
}

const SECRET = 'a secret for tests, of more than 32 bytes';

interface Rights {
  read?: string[];
  write?: string[];
  channels?: string[];
}

/** A token as any library makes it. */
function token(rights: Rights, seconds = 3600, secret = SECRET): string {
  const iat = Date.now() / 1000;
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256' })}.${part({ sub: 'ada', iat, exp: iat + seconds, sanderling: rights })}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

async function start(t: TestContext): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'sanderling-key-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'key'), SECRET);
  return Server.start(t, '--token-key', join(folder, 'key'));
}

async function replica(t: TestContext, server: Server, shown: OpenOptions['token']): Promise<Sanderling> {
  const db = await open({ name: `replica ${Math.random()}`, url: server.url, ...(shown === undefined ? {} : { token: shown }) });
  t.after(() => db.close());
  return db;
}

function isLive(db: Sanderling): Promise<unknown> {
  return db.status.state === 'live' ? Promise.resolve() : next(db, 'status', ({ state }) => state === 'live');
}

test('a replica sees and changes what its token allows', async (t) => {
  const server = await start(t);
  await server.call('MSET', 'mine:1', 'a', 'theirs:1', 'b');
  const db = await replica(t, server, token({ read: ['mine:*'], write: ['mine:*'] }));
  await isLive(db);
  assert.deepEqual(db.keys('*'), ['mine:1']);
  db.set('mine:2', 'c');
  const refused = next(db, 'refused');
  db.set('theirs:1', 'mine now');
  assert.equal((await refused).error.code, 'NOPERM');
  await db.settled();
  assert.deepEqual(await server.call('MGET', 'mine:2', 'theirs:1'), ['c', 'b']);
  assert.equal(db.exists('theirs:1'), 0, 'what was refused is taken back');
});

test('a token that is refused is reported, and so is its absence', async (t) => {
  const server = await start(t);
  const cases: [string | undefined, RegExp][] = [
    [undefined, /none was given/],
    [token({}, 3600, 'another secret, and long enough as well'), /signature is wrong/],
    [token({}, -60), /expired/],
    ['no token (at all)', /no JWT/],
  ];
  for (const [shown, why] of cases) {
    const db = await replica(t, server, shown);
    const error = await next(db, 'error');
    assert.equal(error.code, 'UNAUTHORIZED');
    assert.match(error.message, why);
    assert.equal(db.status.state, 'offline');
    assert.match(db.status.lastFailure ?? '', why);
  }
});

test('a refused token is followed by what the callback gives next', async (t) => {
  const server = await start(t);
  const tokens = [token({}, -60), token({ read: ['*'] })];
  let asked = 0;
  const db = await replica(t, server, () => Promise.resolve(tokens[Math.min(asked++, 1)]!));
  await isLive(db);
  assert.equal(asked, 2);
  db.disconnect();
  db.connect();
  await isLive(db);
  assert.equal(asked, 3, 'each connection asks');
});

test('a token is renewed on the open connection, and counts at once', async (t) => {
  const server = await start(t);
  const tokens = [token({ read: ['*'], write: ['a:*'] }, 2), token({ read: ['*'], write: ['*'] })];
  let asked = 0;
  let renewed = (): void => undefined;
  const isRenewed = new Promise<void>((resolve) => (renewed = resolve));
  const db = await replica(t, server, () => {
    if (asked === 1) renewed();
    return tokens[asked++]!;
  });
  await isLive(db);
  const states: string[] = [];
  db.on('status', ({ state }) => states.push(state));
  const refused = next(db, 'refused');
  db.set('b:0', 'too early');
  await refused;
  await isRenewed;
  for (let tries = 1, allowed = false; !allowed; tries++) {
    // The server checks the new token beside what else arrives.
    db.set('b:1', 'v');
    await db.settled();
    allowed = (await server.call('GET', 'b:1')) === 'v';
    assert.ok(tries < 1000, 'the new token never counts');
  }
  assert.equal(asked, 2);
  assert.ok(states.every((state) => state === 'live'), states.join());
});

test('keys that a renewed token does not let it read leave the replica', async (t) => {
  const server = await start(t);
  await server.call('MSET', 'a:1', 'a', 'b:1', 'b');
  let asked = 0;
  const db = await replica(t, server, () => (asked++ === 0 ? token({ read: ['*'] }, 2) : token({ read: ['a:*'] })));
  await isLive(db);
  assert.deepEqual(db.keys('*').sort(), ['a:1', 'b:1']);
  await next(db, 'change', () => db.keys('*').length === 1);
  assert.deepEqual(db.keys('*'), ['a:1']);
});

void nodeTest('the time of a renewal is read from the token, and only from what it says', () => {
  const of = (claims: string): number | undefined => renewalDelay(`x.${Buffer.from(claims).toString('base64url')}.x`);
  assert.equal(of('{"iat":1000,"exp":1100}'), 80_000);
  assert.equal(of('{"iat":1000,"exp":1000}'), 1000, 'never in a rush');
  assert.equal(of('{"iat":1000,"exp":1e12,"sub":"\u00e4\u20ac?>"}'), 2 ** 31 - 1);
  assert.ok(Math.abs(of(`{"exp":${Date.now() / 1000 + 100}}`)! - 80_000) < 1000);
  for (const nothing of ['', 'a', 'a.b.c', 'a.!.c']) assert.equal(renewalDelay(nothing), undefined, nothing);
  for (const nothing of ['{}', '[]', 'null', '{"exp":"soon"}']) assert.equal(of(nothing), undefined, nothing);
});
