/**
 * The rows of the command table in the group `hyperloglog`.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import type { CommandRow } from './row.js';

export const ROWS: readonly CommandRow[] = [
  { name: 'pfadd', arity: -2, flags: ['write', 'denyoom', 'fast'], firstKey: 1, group: 'hyperloglog', since: '2.8.9', serverOnly: false,
    syntax: 'key [element [element ...]]', complexity: 'O(1) to add every element',
    summary: 'Adds elements to a HyperLogLog key. Creates the key if it doesn\'t exist.', subcommands: [] },
  { name: 'pfcount', arity: -2, flags: ['readonly'], firstKey: 1, group: 'hyperloglog', since: '2.8.9', serverOnly: false,
    syntax: 'key [key ...]', complexity: 'O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys',
    summary: 'Returns the approximated cardinality of the sets observed by the HyperLogLog keys.', subcommands: [] },
  { name: 'pfdebug', arity: 3, flags: ['write', 'denyoom', 'admin'], firstKey: 2, group: 'hyperloglog', since: '2.8.9', serverOnly: true,
    syntax: 'subcommand key', complexity: 'N/A',
    summary: 'Internal commands for debugging HyperLogLog values.', subcommands: [] },
  { name: 'pfmerge', arity: -2, flags: ['write', 'denyoom'], firstKey: 1, group: 'hyperloglog', since: '2.8.9', serverOnly: false,
    syntax: 'destkey [sourcekey [sourcekey ...]]', complexity: 'O(N) to merge N HyperLogLogs, but with high constant times',
    summary: 'Merges one or more HyperLogLog values into a single key.', subcommands: [] },
  { name: 'pfselftest', arity: 1, flags: ['admin'], firstKey: 0, group: 'hyperloglog', since: '2.8.9', serverOnly: true,
    syntax: '', complexity: 'N/A',
    summary: 'An internal command for testing HyperLogLog values.', subcommands: [] },
];
