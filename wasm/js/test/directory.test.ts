/** A directory as the storage: restarts, cuts at every byte, damage, locks. */

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Batch } from '../src/storage/batch.js';
import { openDirectory } from '../src/storage/directory.js';
import { next, open, withSeeds } from './engine.js';

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sanderling-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('a replica comes back with its data and its pending commands', async (t) => {
  const directory = await folder(t);
  for (let run = 1; run <= 3; run++) {
    const db = await open({ name: 'n', storage: { directory } });
    assert.equal(db.status.storage, 'directory');
    assert.equal(db.status.pending, (run - 1) * 2);
    assert.equal(db.incr('runs'), run);
    assert.equal(db.rpush('list', `run ${run}`), run);
    await db.close();
  }
});

test('what `stored` has promised survives without `close`', async (t) => {
  const directory = await folder(t);
  const db = await open({ name: 'n', storage: { directory } });
  db.set('kept', 'yes');
  await db.stored();
  // A copy of the files is what a killed process leaves.
  const log = await readFile(join(directory, 'n', 'replica.log'));
  await db.close();
  const copy = await folder(t);
  const twin = await open({ name: 'n', storage: { directory: copy } });
  await twin.close();
  await writeFile(join(copy, 'n', 'replica.log'), log);
  const again = await open({ name: 'n', storage: { directory: copy } });
  assert.equal(again.get('kept'), 'yes');
  await again.close();
});

test('a second replica of the same directory works from memory, and says so', async (t) => {
  const directory = await folder(t);
  const first = await open({ name: 'n', storage: { directory } });
  first.set('k', 'v');
  const second = await open({ name: 'n', storage: { directory } });
  const warning = await next(second, 'warning');
  assert.equal(warning.code, 'LOCKED');
  assert.equal(second.status.storage, 'memory');
  assert.equal(second.get('k'), null);
  await second.close();
  await first.close();
  const third = await open({ name: 'n', storage: { directory } });
  assert.equal(third.get('k'), 'v');
  await third.close();
});

test('a lock whose owner is dead is taken over', async (t) => {
  const directory = await folder(t);
  await (await open({ name: 'n', storage: { directory } })).close();
  await writeFile(join(directory, 'n', 'lock'), '999999999');
  const db = await open({ name: 'n', storage: { directory } });
  assert.equal(db.status.storage, 'directory');
  await db.close();
});

test('damage is set aside with a warning, and the replica starts anew', async (t) => {
  const directory = await folder(t);
  const path = join(directory, 'n', 'replica.log');
  const db = await open({ name: 'n', storage: { directory } });
  for (let index = 0; index < 10; index++) {
    db.set(`k${index}`, 'value');
    await db.stored();
  }
  await db.close();
  const sound = await readFile(path);
  for (const at of [3, 7, 20, Math.floor(sound.length / 2)]) {
    const damaged = Buffer.from(sound);
    damaged[at]! ^= 0x40;
    await writeFile(path, damaged);
    const db = await open({ name: 'n', storage: { directory } });
    const warning = await next(db, 'warning');
    assert.equal(warning.code, 'DAMAGED');
    // One transaction is hit at most, and the header holds none.
    assert.ok(db.dbsize() >= 9, `${db.dbsize()} keys`);
    db.set('new', 'life');
    await db.close();
    const files = await readdir(join(directory, 'n'));
    assert.deepEqual(files.sort(), ['damaged.log', 'replica.log']);
    assert.deepEqual(await readFile(join(directory, 'n', 'damaged.log')), damaged);
    const again = await open({ name: 'n', storage: { directory } });
    assert.equal(again.get('new'), 'life');
    await again.close();
  }
});

/** Packs a batch as the engine does. */
function batch(strict: boolean, ...changes: [kind: number, key: string, value?: string][]): Batch {
  const parts = [Buffer.from([Number(strict)])];
  for (const [kind, key, value = ''] of changes) {
    const lengths = [Buffer.alloc(4), Buffer.alloc(4)] as const;
    lengths[0].writeUInt32LE(key.length);
    lengths[1].writeUInt32LE(value.length);
    parts.push(Buffer.from([kind]), lengths[0], Buffer.from(key), lengths[1], Buffer.from(value));
  }
  return new Uint8Array(Buffer.concat(parts));
}

test('after any batches and restarts the pairs are those of a map; a cut anywhere loses whole batches only', (t) =>
  withSeeds(6, async (random) => {
    const directory = await folder(t);
    const model = new Map<string, string>();
    const states: string[] = ['[]'];
    const shown = (pairs: Iterable<readonly [unknown, unknown]>): string =>
      JSON.stringify([...pairs].map(([key, value]) => [String(key), String(value)]).sort());
    const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
    let store = await openDirectory(directory, 'n');
    await store.load();
    for (let count = 0; count < 40; count++) {
      const changes: [number, string, string?][] = [];
      for (let more = random.below(4); more >= 0; more--) {
        const key = `${random.pick(['base', 'tail'])}/${random.below(6)}`;
        const kind = random.pick([0, 0, 0, 1, 2]);
        const prefix = key.slice(0, 5);
        if (kind === 0) changes.push([0, key, 'v'.repeat(random.below(60_000)) + random.below(100)]);
        else changes.push([kind, kind === 1 ? key : prefix]);
        const [, , value] = changes.at(-1)!;
        if (kind === 0) model.set(key, value!);
        else if (kind === 1) model.delete(key);
        else for (const other of [...model.keys()]) if (other.startsWith(prefix)) model.delete(other);
      }
      await store.write([batch(random.below(2) === 1, ...changes)]);
      states.push(shown(model));
      if (random.below(8) === 0) {
        await store.close();
        store = await openDirectory(directory, 'n');
        assert.equal(shown((await store.load()).map(([key, value]) => [text(key), text(value)])), shown(model));
      }
    }
    await store.close();
    const path = join(directory, 'n', 'replica.log');
    const whole = await readFile(path);
    for (let cut = 0; cut < 12; cut++) {
      await writeFile(path, whole.subarray(0, random.below(whole.length + 1)));
      const store = await openDirectory(directory, 'n');
      const found = shown((await store.load()).map(([key, value]) => [text(key), text(value)]));
      assert.ok(states.includes(found), 'the pairs are a state that was');
      await store.write([batch(true, [0, 'after', 'cut'])]);
      await store.close();
      await rm(path);
    }
  }));
