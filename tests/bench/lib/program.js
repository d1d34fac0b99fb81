/** What the programs here have in common: their flags, the peers that are chosen, and what they leave. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeResults } from './results.js';

/**
 * Reads the flags. `scales` are `full`, `quick` (which fits between two commits) and `small` (which only shows that it
 * runs), each with its number of `rounds`; a peer has a `name` and the `packages` that it uses.
 */
export async function program(peers, scales, more = {}) {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const known = { binary: text, npm: text, data: text, json: text, about: text, rounds: text, only: text, quick: flag, small: flag };
  const { values: options } = parseArgs({ options: { ...known, ...more } });
  const scale = options.small ? scales.small : options.quick ? scales.quick : scales.full;
  const names = options.only?.split(/, */);
  const unknown = names?.find((name) => peers.every((peer) => peer.name !== name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}: ${peers.map(({ name }) => name).join(', ')} are`);
  const chosen = peers.filter(({ name }) => !names || names.includes(name));
  const rounds = Number(options.rounds ?? scale.rounds);
  if (!(rounds >= 1)) throw new Error('--rounds wants a number');

  /** Writes the figures, with who made them, and prints their tables. */
  const finish = async ({ browser, ...figures }, tables) => {
    const packages = [...new Set(chosen.flatMap((peer) => peer.packages))];
    const versions = [`node ${process.version}`, browser, ...(await Promise.all(packages.map((name) => version(name, options.npm))))];
    const about = JSON.parse(options.about ?? '{}');
    const result = { ...about, versions: versions.filter(Boolean).join(', '), rounds, ...figures };
    if (options.json) await writeResults(options.json, result);
    console.log(tables(result));
  };
  return { options, scale, rounds, chosen, finish };
}

async function version(name, npm) {
  const file = name === 'sanderling' ? `${npm}/package.json` : fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url));
  return `${name} ${JSON.parse(await readFile(file, 'utf8')).version}`;
}
