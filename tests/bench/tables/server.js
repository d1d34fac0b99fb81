/** The tables of `cargo xtask bench server`: one for each size of values and each kind of log. */

import { ratio, spread, table } from '../lib/table.js';

const thousands = (value) => (value / 1000).toFixed(0);
const micros = (value) => value.toFixed(2);

export function tables({ rows }) {
  const kinds = [...new Set(rows.map(({ bytes, fsync }) => `${bytes} ${fsync}`))];
  return kinds.map((kind) => one(kind, rows.filter(({ bytes, fsync }) => `${bytes} ${fsync}` === kind))).join('\n');
}

function one(kind, rows) {
  const [bytes, fsync] = kind.split(' ');
  const names = rows[0].servers.map(({ server }) => server);
  const heading = [
    '',
    '`-P`',
    ...names.flatMap((name) => [name, 'CPU µs']),
    'rate to the best of the others',
    'CPU to the best of the others',
  ];
  const cells = ({ test, pipeline, servers, perSecondRatio, cpuRatio }) => [
    test,
    pipeline,
    ...servers.flatMap(({ perSecond, cpuUs }) => [spread(perSecond, thousands), spread(cpuUs, micros)]),
    ratio(perSecondRatio, 1),
    ratio(cpuRatio, 1),
  ];
  const log = fsync === 'no' ? 'no log' : `a log, fsync ${fsync}`;
  return `Values of ${bytes} bytes, ${log}: thousand requests a second, and µs of the server's processor time a request.\n\n${table(heading, rows.map(cells))}`;
}
