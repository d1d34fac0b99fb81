/** The table of `rebase.js`. */

import { spread, table } from '../lib/table.js';

const ms = (value) => value.toFixed(1);

export function tables({ rows }) {
  const row = ({ peer, few, all }) => [peer, spread(few, ms), spread(all, ms)];
  return table(['milliseconds', 'conflicts with few', 'conflicts with all'], rows.map(row));
}
