/**
 * Rebase beside Replicache: 5,000 pending commands on a base of 50,000 keys, and a foreign change that some of them, or
 * all, rest on. Measured in one process, from the moment in which the change is handed to the client to the moment in
 * which a subscriber sees the right value.
 *
 * Of the pending commands half are increments of one counter each, of 100, and half set keys that nothing else touches.
 * *few*: the change is to one counter, on which 25 commands rest. *all*: it is to every key that a pending command
 * touches.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { program } from './lib/program.js';
import { summary } from './lib/stats.js';
import { tables } from './tables/rebase.js';

const PEERS = ['sanderling', 'replicache'].map((name) => ({ name, packages: [name] }));
const SCALES = {
  full: { rounds: 5, keys: 50_000, pending: 5000 },
  quick: { rounds: 1, keys: 10_000, pending: 1000 },
  small: { rounds: 1, keys: 500, pending: 100 },
};

const { options, rounds, scale, chosen, finish } = await program(PEERS, SCALES);
const runner = fileURLToPath(new URL('rebase-run.js', import.meta.url));
const samples = new Map(chosen.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const { name } of chosen) {
    samples.get(name).push(await run(name));
    console.error(`round ${round + 1} of ${rounds}: ${name}`);
  }
}
const { keys, pending } = scale;
await finish({ keys, pending, rows: chosen.map(({ name }) => ({ peer: name, ...summary(samples.get(name)) })) }, tables);

async function run(name) {
  const child = spawn(process.execPath, [runner, name, JSON.stringify({ ...options, ...scale })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  return JSON.parse(out.trim().split('\n').at(-1));
}
