/** The package under its own name, as Node resolves it for a user. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { brotliCompressSync } from 'node:zlib';

for (const name of ['sanderling', 'sanderling/inline'])
  test(`${name} opens a replica`, async () => {
    const { open, version } = (await import(name)) as typeof import('../src/index.js');
    assert.match(await version(), /^\d+\.\d+\.\d+$/);
    const db = await open({ name });
    assert.equal(db.set('k', 'v'), 'OK');
    assert.equal(db.get('k'), 'v');
    await db.close();
  });

test('sanderling/inspect says what each part of a reply is', async () => {
  const names = ['sanderling', 'sanderling/inspect'] as const;
  const { open } = (await import(names[0])) as typeof import('../src/index.js');
  const { inspect } = (await import(names[1])) as typeof import('../src/inspect.js');
  const db = await open({ name: 'inspected' });
  assert.equal(inspect(db, 'SADD', 's', 'a').type, 'integer');
  const a = { type: 'string', text: 'a', bytes: new TextEncoder().encode('a') };
  assert.deepEqual(inspect(db, 'SMEMBERS', 's'), { type: 'set', items: [a] });
  assert.equal(inspect(db, 'GET', 's').type, 'error');
  await db.close();
});

test('the JavaScript that a page loads is at most 15 KB after brotli', () => {
  const folder = new URL('../dist/', import.meta.url);
  let bytes = 0;
  const loaded = new Set<string>();
  const load = (file: URL): void => {
    if (loaded.has(file.href)) return;
    loaded.add(file.href);
    const text = readFileSync(file, 'utf8');
    bytes += brotliCompressSync(text).length;
    // Static imports only: what is imported on demand, a page may never load.
    for (const [, path] of text.matchAll(/(?:from|import)\s*"(\.[^"]+)"/g)) load(new URL(path!, file));
  };
  load(new URL('browser.js', folder));
  assert.ok(bytes > 5_000 && bytes <= 15_000, `${bytes} bytes`);
});
