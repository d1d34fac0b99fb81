/** The engine in Node and in Chromium beside other stores: every peer in each of several rounds, each alone. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { program } from './lib/program.js';
import { Server } from './lib/server.js';
import { summary } from './lib/stats.js';
import { Pages } from './tab/chromium.js';
import { peers } from './tab/peers/index.js';
import { tables } from './tables/tab.js';

const SCALES = {
  full: { rounds: 5, keys: 100_000, ms: 400 },
  quick: { rounds: 1, keys: 10_000, ms: 60 },
  small: { rounds: 1, keys: 2_000, ms: 10 },
};

const { options, rounds, scale, chosen, finish } = await program(peers, SCALES, { where: { type: 'string', default: 'node,chromium' } });
const runtimes = options.where.split(',');
const pages = runtimes.includes('chromium') ? await Pages.start(options.npm, options.data) : undefined;
const cases = runtimes.flatMap((runtime) => chosen.map((peer) => ({ runtime, peer, samples: [] })));
for (let round = 0; round < rounds; round++) {
  for (const { runtime, peer, samples } of cases) {
    samples.push(await once(runtime, peer));
    console.error(`round ${round + 1} of ${rounds}: ${peer.name} in ${runtime}`);
  }
}
pages?.close();
await finish({
  keys: scale.keys,
  browser: pages?.version ? `Chromium ${pages.version}` : undefined,
  rows: cases.map(({ runtime, peer, samples }) => ({ runtime, peer: peer.name, ...summary(samples) })),
}, tables);

async function once(runtime, { module, isStored }) {
  const server = module === 'sanderling' ? await Server.start({ server: 'sanderling', path: '/sync' }, options) : undefined;
  const folder = await mkdtemp(join(options.data, 'tab-'));
  const asked = { module, isStored, npm: options.npm, folder, url: server?.url, scale };
  try {
    if (runtime === 'chromium') return await pages.run(asked);
    const file = fileURLToPath(new URL('tab/in-node.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', file, JSON.stringify(asked)]);
    return JSON.parse(stdout);
  } finally {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
