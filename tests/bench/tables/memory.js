/** The table of `cargo xtask bench memory`. */

import { ratio, table } from '../lib/table.js';

export function tables({ rows, keys }) {
  const names = rows[0].servers.map(({ server }) => server);
  const heading = ['', 'each', ...names, ...names.slice(1).map((name) => `to ${name}`)];
  const cells = ({ row, each, servers: [ours, ...others] }) => [
    row,
    each,
    ...[ours, ...others].map(({ residentBytes, accountedBytes }) => `${residentBytes.toFixed(1)} (${accountedBytes.toFixed(1)})`),
    ...others.map(({ residentBytes }) => ratio(ours.residentBytes, residentBytes)),
  ];
  const text = `Bytes of the process's resident memory, and in parentheses by the server's own account; ${keys.toLocaleString('en')} of each:`;
  return `${text}\n\n${table(heading, rows.map(cells))}`;
}
