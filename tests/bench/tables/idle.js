/** The table of `cargo xtask bench idle`. */

import { ratio, spread, table } from '../lib/table.js';

const micros = (value) => value.toFixed(2);

export function tables({ rows }) {
  const names = rows[0].servers.map(({ server }) => server);
  const heading = ['with', 'command', '`-P`', ...names.flatMap((name) => [`${name}: without`, 'with', 'ratio'])];
  const cells = ({ load, test, pipeline, servers }) => [
    load,
    test,
    pipeline,
    ...servers.flatMap(({ without, with: burdened }) => [
      spread(without, micros),
      spread(burdened, micros),
      ratio(burdened?.median, without?.median),
    ]),
  ];
  return `Microseconds of the server's processor time a request, without and with what does not concern it:\n\n${table(heading, rows.map(cells))}`;
}
