/**
 * The rows of the command table in the group `transactions`.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import type { CommandRow } from './row.js';

export const ROWS: readonly CommandRow[] = [
  { name: 'discard', arity: 1, flags: ['noscript', 'fast'], firstKey: 0, group: 'transactions', since: '2.0.0', serverOnly: false,
    syntax: '', complexity: 'O(N), where N is the number of queued commands',
    summary: 'Discards a transaction.', subcommands: [] },
  { name: 'exec', arity: 1, flags: ['noscript'], firstKey: 0, group: 'transactions', since: '1.2.0', serverOnly: false,
    syntax: '', complexity: 'Depends on commands in the transaction',
    summary: 'Executes all commands in a transaction.', subcommands: [] },
  { name: 'multi', arity: 1, flags: ['noscript', 'fast'], firstKey: 0, group: 'transactions', since: '1.2.0', serverOnly: false,
    syntax: '', complexity: 'O(1)',
    summary: 'Starts a transaction.', subcommands: [] },
  { name: 'unwatch', arity: 1, flags: ['noscript', 'fast'], firstKey: 0, group: 'transactions', since: '2.2.0', serverOnly: false,
    syntax: '', complexity: 'O(1)',
    summary: 'Forgets about watched keys of a transaction.', subcommands: [] },
  { name: 'watch', arity: -2, flags: ['noscript', 'fast'], firstKey: 1, group: 'transactions', since: '2.2.0', serverOnly: false,
    syntax: 'key [key ...]', complexity: 'O(1) for every key',
    summary: 'Monitors changes to keys to determine the execution of a transaction.', subcommands: [] },
];
