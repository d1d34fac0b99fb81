/** Sync beside other engines: every peer in each of several rounds, medians with the smallest and the largest. */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { middle } from './lib/stats.js';
import { peers } from './peers/index.js';

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
const FULL = { warmUp: 500, single: 1000, burst: 10_000, keys: 100_000, idle: 500 };
const SMALL = { warmUp: 10, single: 20, burst: 200, keys: 2000, idle: 20 };
const measure = fileURLToPath(new URL('measure.js', import.meta.url));
const chosen = peers.filter(({ name }) => !values.only || values.only.split(',').includes(name));
const rounds = Number(values.rounds);

const samples = new Map(chosen.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const { name } of chosen) {
    const options = { ...values, scale: values.small ? SMALL : FULL, idle: round === 0 };
    const { stdout } = await promisify(execFile)(process.execPath, [measure, name, JSON.stringify(options)]);
    samples.get(name).push(JSON.parse(stdout));
    console.error(`round ${round + 1} of ${rounds}: ${name}`);
  }
}

const result = {
  machine: { cpu: cpus()[0].model, cores: cpus().length, node: process.version },
  rounds,
  peers: await Promise.all(
    chosen.map(async ({ name, uses, settled }) => ({
      name,
      versions: await versions(uses),
      settled,
      ...summary(samples.get(name)),
    })),
  ),
};
if (values.json) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
print(result);

/** Takes the middle of every figure, also of those within figures. */
function summary(of) {
  const names = Object.keys(of[0]);
  return Object.fromEntries(
    names.map((name) => {
      const all = of.map((sample) => sample[name]).filter((value) => value !== undefined && value !== null);
      return [name, typeof all[0] === 'object' ? summary(all) : middle(all)];
    }),
  );
}

async function versions(packages) {
  const found = await Promise.all(
    packages.map(async (name) => {
      const file = name === 'sanderling' ? `${values.npm}/package.json` : `node_modules/${name}/package.json`;
      const path = name === 'sanderling' ? file : fileURLToPath(new URL(file, import.meta.url));
      return `${name} ${JSON.parse(await readFile(path, 'utf8')).version}`;
    }),
  );
  return found.join(', ');
}

/** Prints the figures as the tables of the documentation. */
function print({ peers, machine, rounds }) {
  const versions = [...new Set(peers.flatMap(({ versions }) => versions.split(', ')))].join(', ');
  console.log(`${machine.cores} cores, ${machine.cpu}; Node ${machine.node}; ${rounds} rounds; ${versions}.\n`);
  table(peers, [
    ['write → callback, p50 / p95 / p99, ms', ({ p50, p95, p99 }) => [p50, p95, p99].map(({ median }) => median.toFixed(2)).join(' / ')],
    ['in a loop, writes /s', ({ burst }) => rate(burst)],
    ['in turns, writes /s', ({ spread }) => rate(spread)],
    ['in a transaction, writes /s', ({ whole }) => (whole ? rate(whole) : '–')],
  ]);
  table(peers, [
    ['bytes a write up / down: in a loop', ({ burst }) => bytes(burst)],
    ['in turns', ({ spread }) => bytes(spread)],
    ['one by one', (peer) => bytes({ up: peer.singleUp, down: peer.singleDown })],
    ['fresh client, 100,000 keys', ({ catchUpMs, catchUpBytes }) => `${spread(catchUpMs, (ms) => ms.toFixed(0))} ms, ${(catchUpBytes.median / 1e6).toFixed(2)} MB`],
    ['per idle client', ({ idleBytes }) => (idleBytes ? `${(idleBytes.median / 1024).toFixed(0)} KB` : '–')],
  ]);
}

function table(peers, columns) {
  console.log(`| | ${columns.map(([title]) => title).join(' | ')} |`);
  console.log(`|---|${columns.map(() => '---|').join('')}`);
  for (const peer of peers) console.log(`| ${peer.name} | ${columns.map(([, text]) => text(peer)).join(' | ')} |`);
  console.log('');
}

function rate({ perSecond }) {
  return spread(perSecond, (figure) => Math.round(figure / 100) * 100).replaceAll(/(\d)(\d{3})\b/g, '$1,$2');
}

function bytes({ up, down }) {
  return `${up.median.toFixed(0)} / ${down.median.toFixed(0)}`;
}

function spread({ median, min, max }, text) {
  return min === max ? String(text(median)) : `${text(median)} (${text(min)}–${text(max)})`;
}
