/** The tables of `tab.js`. */

import { digits, megabytes, ratio, short, spread, table } from '../lib/table.js';

const RUNTIMES = { node: 'Node', chromium: 'Chromium' };

/** Operations, with what is aimed at in a page, stored and connected. */
const OPERATIONS = [
  ['get', 'get', 20e6],
  ['set', 'set', 2e6],
  ['mix', '90 % get, 10 % set'],
  ['incr', 'incr', 3e6],
  ['hset', 'hash field set', 3e6],
  ['push', 'list append', 3e6],
  ['zinsert', 'insert into a sorted set'],
  ['zupdate', 'update a score'],
  ['ztop', 'update a score, read the top 10', 300e3],
  ['notify', 'notify a subscriber', 1e6],
];

const ms = (value) => `${short(value)}`;

/** What happens once, with what is aimed at. */
const WHOLES = [
  ['loadMs', 'load, ms', ms],
  ['snapshotMs', 'snapshot, ms', ms],
  ['saveMs', 'snapshot and durable, ms', ms, 200],
  ['savedBytes', 'stored, MB', megabytes, 4.5e6],
  ['restoreMs', 'made of a snapshot, ms', ms],
  ['openMs', 'read from the disk, ms', ms, 320],
  ['memoryBytes', 'memory, MB', megabytes, 12e6],
];

/** All tables, by runtime. */
export function tables({ rows, keys }) {
  const runtimes = [...new Set(rows.map(({ runtime }) => runtime))];
  return runtimes.map((runtime) => ofRuntime(runtime, rows.filter((row) => row.runtime === runtime), keys)).join('\n');
}

function ofRuntime(runtime, rows, keys) {
  const where = RUNTIMES[runtime];
  const hasAims = runtime === 'chromium';
  const heading = ['', ...rows.map(({ peer }) => peer)];
  const withAims = hasAims ? [...heading, 'our aim'] : heading;
  const aim = (sign, value, text) => (hasAims ? [value ? `${sign} ${text(value)}` : ''] : []);
  const fastest = OPERATIONS.map(([name, title, goal]) => [
    title,
    ...rows.map((row) => spread(row[name]?.perSecond)),
    ...aim('≥', goal, digits),
  ]);
  const sustained = OPERATIONS.filter(([name]) => rows.some((row) => row[name]?.sustained)).map(([name, title]) => [
    title,
    ...rows.map((row) => spread(row[name]?.sustained)),
  ]);
  const wholes = WHOLES.map(([name, title, text, goal]) => [
    title,
    ...rows.map((row) => spread(row[name], text)),
    ...aim('≤', goal, text),
  ]);
  const parts = [
    `In ${where}, operations a second, of the slice that nine of ten do not surpass:\n\n${table(withAims, fastest)}`,
    `In ${where}, operations a second in the long run, until everything is sent and stored:\n\n${table(heading, sustained)}`,
    `In ${where}, ${keys.toLocaleString('en')} keys at once:\n\n${table(withAims, wholes)}`,
  ];
  const ours = rows.find(({ peer }) => peer === 'sanderling');
  const others = rows.filter(({ peer }) => !peer.startsWith('sanderling'));
  if (ours && others.length > 0) parts.push(ratios(where, ours, others));
  return parts.join('\n');
}

function ratios(where, ours, others) {
  const row = (title, value) => [title, ...others.map((other) => ratio(value(ours), value(other)))];
  const rows = [
    ...OPERATIONS.map(([name, title]) => row(title, (peer) => peer[name]?.perSecond.median)),
    ...WHOLES.map(([name, title]) => row(title.split(',')[0], (peer) => peer[name]?.median)),
  ];
  const named = rows.filter(([, ...ratios]) => ratios.some((text) => text !== '–'));
  const text = `In ${where}, Sanderling, stored and connected, as a multiple of each (of rates more is better, of the rest less):`;
  return `${text}\n\n${table(['', ...others.map(({ peer }) => peer)], named)}`;
}
