/** Node: a replica in memory, one in a directory that comes back, and the inlined entry. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, SanderlingError } from 'sanderling';
import { open as openInline } from 'sanderling/inline';

for (const openReplica of [open, openInline]) {
  const db = await openReplica({ name: 'node' });
  assert.equal(db.set('greeting', 'hello'), 'OK');
  assert.equal(db.get('greeting'), 'hello');
  assert.throws(() => db.incr('greeting'), { code: 'ERR' });
  await db.close();
}
assert.throws(() => {
  throw new SanderlingError('ERR', 'one class of errors');
}, SanderlingError);

const directory = await mkdtemp(join(tmpdir(), 'sanderling-node-'));
try {
  for (let run = 1; run <= 2; run++) {
    const db = await open({ name: 'kept', storage: { directory } });
    assert.equal(db.incr('runs'), run);
    await db.close();
  }
} finally {
  await rm(directory, { recursive: true });
}
console.log('node: ok');
