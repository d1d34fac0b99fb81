/** Files of figures: JSON, in which each row stands on a line. */

import { readFile, writeFile } from 'node:fs/promises';

/** Writes figures. */
export async function writeResults(file, result) {
  const lines = (rows) => `[\n${rows.map((row) => `    ${json(row)}`).join(',\n')}\n  ]`;
  const fields = Object.entries(result).filter(([, value]) => value !== undefined);
  const text = fields.map(([name, value]) => `  "${name}": ${name === 'rows' ? lines(value) : json(value)}`).join(',\n');
  await writeFile(file, `{\n${text}\n}\n`);
}

/** Reads figures; `undefined` if there are none. */
export async function readResults(file) {
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  return text === undefined ? undefined : JSON.parse(text);
}

function json(value) {
  return JSON.stringify(value, rounded);
}

/** Keeps few digits: what a run shows isn't known more exactly. */
function rounded(_name, value) {
  if (typeof value !== 'number' || Number.isInteger(value)) return value;
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}
