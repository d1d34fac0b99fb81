/** The package under its own name, as Node resolves it for a user. */

import assert from 'node:assert/strict';
import test from 'node:test';

for (const name of ['sanderling', 'sanderling/inline'])
  test(`${name} opens a replica`, async () => {
    const { open, version } = (await import(name)) as typeof import('../src/index.js');
    assert.match(await version(), /^\d+\.\d+\.\d+$/);
    const db = await open({ name });
    assert.equal(db.set('k', 'v'), 'OK');
    assert.equal(db.get('k'), 'v');
    await db.close();
  });
