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
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { middle } from './lib/stats.js';

const { values } = parseArgs({
  options: {
    binary: { type: 'string' },
    npm: { type: 'string' },
    data: { type: 'string' },
    json: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    small: { type: 'boolean', default: false },
  },
});
const PEERS = ['sanderling', 'replicache'];
const SCALE = values.small ? { keys: 500, pending: 100 } : { keys: 50_000, pending: 5000 };
const runner = fileURLToPath(new URL('rebase-run.js', import.meta.url));
const chosen = PEERS.filter((name) => !values.only || values.only.split(',').includes(name));
const rounds = Number(values.rounds);

const samples = new Map(chosen.map((name) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const name of chosen) {
    samples.get(name).push(await run(name));
    console.error(`round ${round + 1} of ${rounds}: ${name}`);
  }
}
const result = {
  machine: { cpu: cpus()[0].model, cores: cpus().length, node: process.version },
  rounds,
  ...SCALE,
  peers: await Promise.all(chosen.map(async (name) => ({ name, version: await version(name), ...summary(name) }))),
};
if (values.json) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
console.log('| | conflicts with few | conflicts with all |');
console.log('|---|---|---|');
for (const { name, version, few, all } of result.peers) console.log(`| ${name} ${version} | ${ms(few)} | ${ms(all)} |`);

async function run(name) {
  const child = spawn(process.execPath, [runner, name, JSON.stringify({ ...values, ...SCALE })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (bytes) => (out += bytes));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  return JSON.parse(out.trim().split('\n').at(-1));
}

function summary(name) {
  const of = (kind) => middle(samples.get(name).map((sample) => sample[kind]));
  return { few: of('few'), all: of('all') };
}

async function version(name) {
  const folder = name === 'sanderling' ? values.npm : fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
  return JSON.parse(await readFile(`${folder}/package.json`, 'utf8')).version;
}

function ms({ median, min, max }) {
  return `${median.toFixed(1)} ms (${min.toFixed(1)}–${max.toFixed(1)})`;
}
