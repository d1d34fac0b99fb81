/**
 * Measures one peer once: its server in a process of its own, two clients in this one. Prints the figures as JSON.
 *
 * Before each figure that is taken the same has been done unmeasured, so that everybody's code is compiled by then.
 */

import { Server } from './lib/server.js';
import { counted } from './lib/sockets.js';
import { keyOf, pause, quantile, Text, turn } from './lib/stats.js';
import { peers } from './peers/index.js';

const [name, json] = process.argv.slice(2);
const options = JSON.parse(json);
const { scale } = options;
const peer = peers.find((candidate) => candidate.name === name);
await peer.prepare?.(options.npm);
const text = new Text();
/** Characters of a value that is written, bytes on the wire of everybody. */
const VALUE = 24;
const PER_TURN = 100;
/** Keys that are written at once to fill a server. */
const FILL = 1000;
const figures = {};
await pair();
await catchUp();
if (options.idle) await idle();
console.log(JSON.stringify(figures));
process.exit(0);

/** Two clients: what one writes, and when the other has it. */
async function pair() {
  const server = await Server.start(peer, options);
  const [writer, reader] = [await connect(server), await connect(server)];
  await pause(50);
  await oneByOne(writer, reader, scale.warmUp);
  const { times, up, down, back } = await oneByOne(writer, reader, scale.single);
  for (const share of [50, 95, 99]) figures[`p${share}`] = quantile(times, share / 100);
  Object.assign(figures, { singleUp: up, singleDown: down, singleBack: back });

  await burst(writer, reader, scale.burst, everything);
  figures.burst = await burst(writer, reader, scale.burst, everything);
  await burst(writer, reader, scale.burst, inTurns);
  figures.spread = await burst(writer, reader, scale.burst, inTurns);
  if (writer.client.transaction) {
    const whole = (client, write) => client.transaction(() => write());
    await burst(writer, reader, scale.burst, whole);
    figures.whole = await burst(writer, reader, scale.burst, whole);
  }
  for (const { client } of [writer, reader]) client.close();
  await server.stop();
}

/** A client that has nothing, and a server that has many keys. */
async function catchUp() {
  const server = await Server.start(peer, options);
  const { client } = await connect(server);
  for (let number = 0; number < scale.keys; number += FILL) {
    const fill = () => {
      const end = Math.min(number + FILL, scale.keys);
      for (let index = number; index < end; index++) client.set(keyOf(index), text.of(32));
    };
    if (client.transaction) client.transaction(fill);
    else fill();
    await turn();
    // A server that is far behind would be measured while it still catches up.
    await client.settled?.();
  }
  // The first one waits until the server has everything, and is the unmeasured one.
  await fresh(server);
  const runs = [];
  for (let run = 0; run < 3; run++) runs.push(await fresh(server));
  figures.catchUpMs = quantile(runs.map(({ ms }) => ms), 0.5);
  figures.catchUpBytes = runs[0].bytes;
  client.close();
  await server.stop();
}

async function fresh(server) {
  await pause(100);
  const started = performance.now();
  const one = await connect(server, false);
  await one.client.ready;
  // What is not ready when it says so is asked again; nobody has to be asked often.
  while (one.client.size() < scale.keys) await pause(1);
  const ms = performance.now() - started;
  if (one.client.get(keyOf(scale.keys - 1))?.length !== 32) throw new Error(`${name}: a key is missing`);
  const bytes = one.down();
  one.client.close();
  return { ms, bytes };
}

/** Clients that are connected and do nothing, on a server that has nothing. */
async function idle() {
  const server = await Server.start(peer, options);
  const open = async (count) => {
    const clients = Array.from({ length: count }, () => connect(server));
    return Promise.all(clients);
  };
  await open(scale.idle / 5);
  await pause(300);
  const before = await server.memory();
  await open(scale.idle);
  await pause(1000);
  figures.idleBytes = ((await server.memory()) - before) / scale.idle;
  await server.stop();
}

async function connect(server, isReady = true) {
  const { WebSocket, up, down } = counted();
  const client = peer.open(server.url, WebSocket);
  if (isReady) await client.ready;
  return { client, up, down };
}

/** Writes one value after the other, each when the other client has shown the one before. */
async function oneByOne(writer, reader, count) {
  const [up, down, back] = [writer.up(), reader.down(), writer.down()];
  const times = [];
  for (let index = 0; index < count; index++) {
    const [key, value] = [keyOf(index % 100), text.of(VALUE)];
    const shown = new Promise((resolve) => {
      reader.client.onKeys(() => {
        if (reader.client.get(key) === value) resolve(performance.now());
      });
    });
    const started = performance.now();
    writer.client.set(key, value);
    times.push((await shown) - started);
    // So that nobody's work after the callback counts for the next write.
    await pause(1);
  }
  await pause(50);
  return {
    times,
    up: (writer.up() - up) / count,
    down: (reader.down() - down) / count,
    back: (writer.down() - back) / count,
  };
}

/** Writes many new keys, and waits until the other client has shown all of them. */
async function burst(writer, reader, count, how) {
  const first = (burst.next = (burst.next ?? 1000) + count);
  const pairs = Array.from({ length: count }, (_, index) => [keyOf(first + index), text.of(VALUE)]);
  const [last, lastValue] = pairs[count - 1];
  let shown = 0;
  const all = new Promise((resolve) => {
    reader.client.onKeys((keys) => {
      shown += keys.length;
      if (shown >= count) resolve(performance.now());
    });
  });
  await pause(100);
  const [up, down, back] = [writer.up(), reader.down(), writer.down()];
  const started = performance.now();
  await how(writer.client, (from = 0, to = count) => {
    for (let index = from; index < to; index++) writer.client.set(pairs[index][0], pairs[index][1]);
  }, count);
  const ms = (await all) - started;
  await writer.client.settled?.();
  const settledMs = performance.now() - started;
  if (reader.client.get(last) !== lastValue) throw new Error(`${name}: the last key is missing`);
  await pause(50);
  return {
    perSecond: (count / ms) * 1000,
    settledMs: writer.client.settled ? settledMs : null,
    up: (writer.up() - up) / count,
    down: (reader.down() - down) / count,
    back: (writer.down() - back) / count,
  };
}

/** All in one loop. */
function everything(_client, write) {
  write();
}

/** A hundred in each turn of the event loop. */
async function inTurns(_client, write, count) {
  for (let from = 0; from < count; from += PER_TURN) {
    write(from, Math.min(from + PER_TURN, count));
    await turn();
  }
}
