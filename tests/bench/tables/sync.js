/** The tables of `sync.js`, with what is aimed at below them. */

import { spread, table } from '../lib/table.js';

const number = (places) => (value) => value.toFixed(places);
const hundreds = (value) => (Math.round(value / 100) * 100).toLocaleString('en');

export function tables({ rows, keys }) {
  const rate = (figure) => spread(figure?.perSecond, hundreds);
  const bytes = ({ up, down }) => `${up.median.toFixed(0)} / ${down.median.toFixed(0)}`;
  const writes = table(
    ['', 'write → callback, p50 / p95 / p99, ms', 'in a loop, writes /s', 'in turns, writes /s', 'in a transaction, writes /s'],
    [
      ...rows.map((row) => [
        row.peer,
        [row.p50, row.p95, row.p99].map(({ median }) => median.toFixed(2)).join(' / '),
        rate(row.burst),
        rate(row.spread),
        rate(row.whole),
      ]),
      ['our aim', '≤ 0.30 / 0.60', '≥ 100,000', '', ''],
    ],
  );
  const sizes = table(
    [
      '',
      'bytes a write up / down: in a loop',
      'in turns',
      'one by one',
      `fresh client, ${keys.toLocaleString('en')} keys`,
      'per idle client',
    ],
    [
      ...rows.map((row) => [
        row.peer,
        bytes(row.burst),
        bytes(row.spread),
        bytes({ up: row.singleUp, down: row.singleDown }),
        `${spread(row.catchUpMs, number(0))} ms, ${(row.catchUpBytes.median / 1e6).toFixed(2)} MB`,
        row.idleBytes ? `${(row.idleBytes.median / 1024).toFixed(0)} KB` : '–',
      ]),
      ['our aim', '≤ 40 / 40', '', '', '≤ 150 ms, ≤ 4 MB', '≤ 4 KB'],
    ],
  );
  return `${writes}\n${sizes}`;
}
