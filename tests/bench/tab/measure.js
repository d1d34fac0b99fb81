/**
 * Measures one peer once, in Node or in a page: it knows neither.
 *
 * What is fast is timed in slices of some half a millisecond, between which the event loop turns, so that whatever a peer
 * has put off until later (sending, storing, telling listeners) is not in a slice. How fast a slice is, is what a frame of a page
 * feels; the figure is that of the slice which nine of ten don't surpass, for on a loaded machine slow ones say more about
 * others. `sustained` has everything in it: the turns, and the time until a peer's server and storage have all.
 */

import { turn } from './turn.js';

/** Runs every workload that the peer has the methods for, and returns the figures. */
export async function measure(surroundings, scale, open) {
  const text = new Text();
  const count = scale.keys;
  // Apart from those that are stored: a page rarely asks with the very string that it has stored.
  const keys = order(count, text).map((number) => keyOf(number));
  const members = order(count, text).map((number) => `player:${number}`);
  const values = Array.from({ length: 4096 }, () => text.of(32));
  const counters = Array.from({ length: 1000 }, (_, index) => `counter:${index}`);
  const hashes = Array.from({ length: 1000 }, (_, index) => `profile:${index}`);
  const fields = Array.from({ length: 10 }, (_, index) => `field${index}`);
  const figures = {};

  const before = await surroundings.memory();
  const peer = await open(surroundings);
  let last;
  {
    const [loadedKeys, loadedValues] = [[], []];
    for (let index = 0; index < count; index++) {
      loadedKeys.push(keyOf(index));
      loadedValues.push(text.of(32));
    }
    // Nobody's code is compiled for the first thousand.
    await peer.load(loadedKeys.slice(0, 1000), loadedValues.slice(0, 1000));
    await peer.rest?.();
    const started = performance.now();
    await peer.load(loadedKeys, loadedValues);
    figures.loadMs = performance.now() - started;
    const saved = performance.now();
    await peer.stored?.();
    if (peer.isStored) figures.saveMs = performance.now() - saved;
    await peer.rest?.();
    last = [loadedKeys[count - 1], loadedValues[count - 1]];
  }
  figures.memoryBytes = (await surroundings.memory()) - before;
  await persist(...last);

  /** What is kept, and what comes back of it. */
  async function persist(key, value) {
    if (peer.stored) {
      if (!peer.isStored) return;
      figures.savedBytes = await surroundings.savedBytes();
      await peer.close();
      const reopened = performance.now();
      await peer.reopen();
      if (peer.get(key) !== value) throw new Error('a key did not come back');
      figures.openMs = performance.now() - reopened;
      peer.db.connect();
      await peer.rest();
      return;
    }
    // In turns, so that the second is compiled.
    for (let run = 0; run < 2; run++) {
      const started = performance.now();
      const bytes = await peer.snapshot();
      figures.snapshotMs = performance.now() - started;
      await surroundings.put(bytes);
      figures.saveMs = performance.now() - started;
      figures.savedBytes = bytes.length;
      const reopened = performance.now();
      const found = await surroundings.take();
      const taken = performance.now();
      peer.restore(found);
      if (peer.get(key) !== value) throw new Error('a key did not come back');
      figures.restoreMs = performance.now() - taken;
      figures.openMs = performance.now() - reopened;
    }
  }

  let sum = 0;
  const at = (list, index) => list[index % list.length];
  const run = async (name, method, slice) => {
    if (peer[method]) figures[name] = await sliced(slice);
  };

  // Once before, in the order in which they were loaded and with other strings again: a mirror that had been filled in the
  // order of the reading, by the strings that are read, would find its keys in a row and know them at sight.
  for (let index = 0; index < count; index++) sum += peer.get(keyOf(index)).length;
  await run('get', 'get', (from, to) => {
    for (let index = from; index < to; index++) sum += peer.get(at(keys, index)).length;
  });
  await run('set', 'set', (from, to) => {
    for (let index = from; index < to; index++) peer.set(at(keys, index), values[index & 4095]);
  });
  await run('mix', 'set', (from, to) => {
    for (let index = from; index < to; index++) {
      if (index % 10 === 0) peer.set(at(keys, index), values[index & 4095]);
      else sum += peer.get(at(keys, index)).length;
    }
  });
  await run('incr', 'incr', (from, to) => {
    for (let index = from; index < to; index++) peer.incr(at(counters, index));
  });
  await run('hset', 'hset', (from, to) => {
    for (let index = from; index < to; index++) peer.hset(at(hashes, index), at(fields, index), values[index & 4095]);
  });
  await run('push', 'push', (from, to) => {
    for (let index = from; index < to; index++) peer.push('list', values[index & 4095]);
  });
  if (peer.zadd) {
    let filled = 0;
    await run('zinsert', 'zadd', (from, to) => {
      const end = Math.min(to, count);
      for (let index = from; index < end; index++) peer.zadd(members[index], (index * 7919) % 1_000_003);
      filled = end;
      return end === count;
    });
    const rest = members.slice(filled);
    await peer.zload(rest, rest.map((_, index) => ((filled + index) * 7919) % 1_000_003));
    await peer.rest?.();
    await run('zupdate', 'zadd', (from, to) => {
      for (let index = from; index < to; index++) peer.zadd(at(members, index), (index * 104_729) % 1_000_003);
    });
    await run('ztop', 'top', (from, to) => {
      for (let index = from; index < to; index++) {
        peer.zadd(at(members, index), (index * 15_485_863) % 1_000_003);
        sum += peer.top().length;
      }
    });
  }
  if (peer.watch) figures.notify = await notified();
  if (Number.isNaN(sum)) throw new Error('something was missing');
  await peer.rest?.();
  await peer.close?.();
  return figures;

  /** Times `slice(from, to)` until the time is over, or it says that there is nothing left. */
  async function sliced(slice) {
    const rates = [];
    let [next, size, isOver, shortest] = [1, 1, false, 0];
    // The first one may have to unpack what was restored.
    slice(0, 1);
    peer.flush?.();
    await turn();
    const started = performance.now();
    while (!isOver && performance.now() - started < scale.ms) {
      const begun = performance.now();
      isOver = slice(next, next + size) === true;
      peer.flush?.();
      const ms = performance.now() - begun;
      next += size;
      // What is shorter is not known exactly, as clocks in pages are coarse; it counts until there is something better.
      if (ms >= SLICE_MS / 4 || isOver) rates.push((size / ms) * 1000);
      else if (rates.length === 0) shortest = (size / Math.max(ms, 0.005)) * 1000;
      if (ms < SLICE_MS / 2) size *= 2;
      else if (ms > SLICE_MS * 2 && size > 1) size /= 2;
      await turn();
      await peer.breathe?.();
    }
    await peer.rest?.();
    return { perSecond: quantile(rates, 0.9) ?? shortest, sustained: (next / (performance.now() - started)) * 1000 };
  }

  /** Writes of keys that have a listener each, until all listeners have been called. */
  async function notified() {
    let [watched, told] = [0, 0];
    let all = () => undefined;
    const listener = () => {
      if (++told === watched) all();
    };
    const more = (count) => {
      for (; watched < count; watched++) peer.watch(keyOf(watched), listener);
    };
    more(10);
    const rates = [];
    const began = performance.now();
    do {
      told = 0;
      const done = new Promise((resolve) => (all = resolve));
      const started = performance.now();
      for (let index = 0; index < watched; index++) peer.set(keyOf(index), values[(index + rates.length) & 4095]);
      peer.flush?.();
      await done;
      const ms = performance.now() - started;
      rates.push((watched / ms) * 1000);
      if (ms < SLICE_MS) more(Math.min(watched * 2, 1000, count));
      await turn();
      await peer.breathe?.();
    } while (performance.now() - began < scale.ms);
    await peer.rest?.();
    return { perSecond: quantile(rates, 0.9) };
  }
}

const SLICE_MS = 0.5;

const keyOf = (number) => `user:${String(number).padStart(6, '0')}`;

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The numbers below `count` in an order that starts alike for all. */
function order(count, text) {
  const numbers = Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = text.number() % (index + 1);
    [numbers[index], numbers[other]] = [numbers[other], numbers[index]];
  }
  return numbers;
}

/** Text that does not compress to nothing, each string a flat one of its own. */
class Text {
  #state = 0x2545f491;

  number() {
    // xorshift32
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }

  of(length) {
    const codes = Array.from({ length }, () => LETTERS.charCodeAt(this.number() & 31));
    return String.fromCharCode(...codes);
  }
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz012345';
