/**
 * Makes `www/docs/benchmarks.md` of the figures in `results`: its tables stand between comments that name them, and what is
 * written around those is kept.
 *
 * `--from FOLDER`: the figures that benches have left there are taken over into `results` first, those of `--quick` and
 * `--only` apart, which say too little; `--partial` takes them too. `--check`: writes nothing, and fails if the page is another.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readResults, writeResults } from './lib/results.js';
import * as engine from './tables/engine.js';
import * as idle from './tables/idle.js';
import * as latency from './tables/latency.js';
import * as memory from './tables/memory.js';
import * as rebase from './tables/rebase.js';
import * as server from './tables/server.js';
import * as sync from './tables/sync.js';
import * as tab from './tables/tab.js';

const flag = { type: 'boolean', default: false };
const { values: options } = parseArgs({ options: { from: { type: 'string' }, partial: flag, check: flag } });
const BENCHES = { tab, sync, rebase, server, memory, latency, idle, engine };
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const PAGE = fileURLToPath(new URL('../../www/docs/benchmarks.md', import.meta.url));

if (options.from && !options.check) await takeOver(options.from);
const before = await readFile(PAGE, 'utf8');
let after = before;
for (const [name, { tables }] of Object.entries(BENCHES)) after = fill(after, name, block(name, await figures(name), tables));
if (options.check && after !== before) throw new Error(`${PAGE} is not what its figures make: run \`cargo xtask bench page\``);
if (!options.check) {
  await writeFile(PAGE, after);
  console.log(`written: ${PAGE}`);
}

function figures(name) {
  return readResults(join(RESULTS, `${name}.json`));
}

/** Copies what was measured since into the folder of what the page shows. */
async function takeOver(folder) {
  for (const name of Object.keys(BENCHES)) {
    const found = await readResults(join(folder, `${name}.json`));
    if (!found) continue;
    const isPartial = /--(quick|small|only)\b/.test(found.command ?? '');
    if (isPartial && !options.partial) console.log(`left out, as it is only a part (--partial takes it): ${found.command}`);
    else {
      await writeResults(join(RESULTS, `${name}.json`), found);
      console.log(`taken over: ${name}, of ${found.date}`);
    }
  }
}

/** What stands between the comments of a bench. */
function block(name, result, tables) {
  if (!result) return `**Not measured**: there are no figures of \`cargo xtask bench ${name}\` yet.\n`;
  const { date, commit, command, machine, versions, rounds } = result;
  const facts = [
    `Measured on ${date}${commit ? ` at commit \`${commit}\`` : ''} by \`${command}\`${rounds ? `, ${rounds === 1 ? 'one round' : `${rounds} rounds`}` : ''}.`,
    `${machine}; ${versions}.`,
  ];
  return `${tables(result).trimEnd()}\n\n${facts.map(wrapped).join('\n')}\n`;
}

/** Breaks a text into lines as the others of the page are. */
function wrapped(text) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line && line.length + word.length >= 120) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.join('\n');
}

function fill(page, name, text) {
  const [begin, end] = [`<!-- figures: ${name} -->\n`, `<!-- end: ${name} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the page has no place for ${name}: ${begin.trim()} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`;
}
