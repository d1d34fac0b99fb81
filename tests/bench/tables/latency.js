/** The table of `cargo xtask bench latency`. */

import { table } from '../lib/table.js';

export function tables({ rows, keys }) {
  const scenarios = [...new Set(rows.map(({ scenario }) => scenario))];
  const servers = [...new Set(rows.map(({ server }) => server))];
  const ms = (value) => value.toFixed(2);
  const cell = (scenario, server) => {
    const row = rows.find((row) => row.scenario === scenario && row.server === server);
    return row ? [row.p50Ms, row.p99Ms, row.p999Ms, row.maxMs].map(ms).join(' / ') : '–';
  };
  const body = scenarios.map((scenario) => [scenario, ...servers.map((server) => cell(scenario, server))]);
  const text = `Milliseconds that requests waited, p50 / p99 / p99.9 / most, with ${keys?.toLocaleString('en') ?? 'a million'} keys:`;
  return `${text}\n\n${table(['', ...servers], body)}`;
}
