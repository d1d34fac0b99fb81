/** Sync beside other engines: every peer in each of several rounds, medians with the smallest and the largest. */

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program } from './lib/program.js';
import { summary } from './lib/stats.js';
import { peers } from './peers/index.js';
import { tables } from './tables/sync.js';

const SCALES = {
  full: { rounds: 5, warmUp: 500, single: 1000, burst: 10_000, keys: 100_000, idle: 500 },
  quick: { rounds: 1, warmUp: 100, single: 200, burst: 5000, keys: 20_000, idle: 100 },
  small: { rounds: 1, warmUp: 10, single: 20, burst: 200, keys: 2000, idle: 20 },
};

const { options, rounds, scale, chosen, finish } = await program(peers, SCALES);
const measure = fileURLToPath(new URL('measure.js', import.meta.url));
const samples = new Map(chosen.map(({ name }) => [name, []]));
for (let round = 0; round < rounds; round++) {
  for (const { name } of chosen) {
    const asked = { ...options, scale, idle: round === 0 };
    const { stdout } = await promisify(execFile)(process.execPath, [measure, name, JSON.stringify(asked)]);
    samples.get(name).push(JSON.parse(stdout));
    console.error(`round ${round + 1} of ${rounds}: ${name}`);
  }
}
const rows = chosen.map(({ name, settled }) => ({ peer: name, settled, ...summary(samples.get(name)) }));
await finish({ keys: scale.keys, rows }, tables);
