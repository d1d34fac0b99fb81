/**
 * The programs that measure can be run: ours only, and next to nothing of it. What they print is not judged. The page is
 * what their figures make.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const npm = fileURLToPath(new URL('../../wasm/js', import.meta.url));
const binary = process.env.SANDERLING_BIN;

/** Runs one of the programs, and returns the first row of what it left. */
async function small(t, program, ...more) {
  assert.ok(binary, 'SANDERLING_BIN names the server');
  const data = await mkdtemp(join(tmpdir(), 'sanderling-bench-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  const json = join(data, 'figures.json');
  const file = fileURLToPath(new URL(program, import.meta.url));
  const flags = ['--small', '--only', 'sanderling', '--rounds', '1', '--binary', binary, '--npm', npm, '--data', data, ...more];
  await promisify(execFile)(process.execPath, [file, ...flags, '--json', json], { timeout: 60_000 });
  return JSON.parse(await readFile(json, 'utf8')).rows[0];
}

test('sync', async (t) => {
  const figures = await small(t, 'sync.js');
  for (const figure of [figures.p50, figures.burst.perSecond, figures.spread.up, figures.whole.down, figures.catchUpMs])
    assert.ok(figure.median > 0, JSON.stringify(figures));
  // 35 bytes of key and value, and what they need to be understood: a message for each write would be far more.
  assert.ok(figures.burst.up.median < 60, JSON.stringify(figures.burst));
});

test('rebase', async (t) => {
  const figures = await small(t, 'rebase.js');
  assert.ok(figures.few.median > 0 && figures.all.median > 0, JSON.stringify(figures));
});

for (const where of ['node', 'chromium'])
  test(`tab, in ${where}`, async (t) => {
    const figures = await small(t, 'tab.js', '--where', where);
    for (const name of ['get', 'set', 'mix', 'incr', 'hset', 'push', 'zinsert', 'zupdate', 'ztop', 'notify'])
      assert.ok(figures[name].perSecond.median > 0, `${name}: ${JSON.stringify(figures[name])}`);
    for (const name of ['loadMs', 'saveMs', 'savedBytes', 'openMs', 'memoryBytes'])
      assert.ok(figures[name].median > 0, `${name}: ${JSON.stringify(figures[name])}`);
  });

test('the page shows the figures that are kept', async () => {
  await promisify(execFile)(process.execPath, [fileURLToPath(new URL('page.js', import.meta.url)), '--check']);
});
