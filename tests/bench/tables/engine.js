/** The table of `cargo xtask bench engine`. */

import { table } from '../lib/table.js';

export function tables({ rows }) {
  const cells = ({ command, instructions, nanoseconds }) => [
    command,
    instructions === null ? '–' : Math.round(instructions).toLocaleString('en'),
    nanoseconds.toFixed(0),
  ];
  return table(['', 'instructions a command', 'nanoseconds'], rows.map(cells));
}
