/** The package under its own name, as Node resolves it for a user. */

import assert from 'node:assert/strict';
import test from 'node:test';

for (const name of ['sanderling', 'sanderling/inline'])
  test(`${name} instantiates the engine`, async () => {
    const { engine } = (await import(name)) as typeof import('../src/index.js');
    assert.equal(typeof (await engine()).initSync, 'function');
  });
