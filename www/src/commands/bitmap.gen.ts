/**
 * The rows of the command table in the group `bitmap`.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import type { CommandRow } from './row.js';

export const ROWS: readonly CommandRow[] = [
  { name: 'bitcount', arity: -2, flags: ['readonly'], firstKey: 1, group: 'bitmap', since: '2.6.0', serverOnly: false,
    syntax: 'key [start end [BYTE | BIT]]', complexity: 'O(N)',
    summary: 'Counts the number of set bits (population counting) in a string.', subcommands: [] },
  { name: 'bitfield', arity: -2, flags: ['write', 'denyoom'], firstKey: 1, group: 'bitmap', since: '3.2.0', serverOnly: false,
    syntax: 'key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]', complexity: 'O(1) for each subcommand specified',
    summary: 'Performs arbitrary bitfield integer operations on strings.', subcommands: [] },
  { name: 'bitfield_ro', arity: -2, flags: ['readonly', 'fast'], firstKey: 1, group: 'bitmap', since: '6.0.0', serverOnly: false,
    syntax: 'key [GET encoding offset [GET encoding offset ...]]', complexity: 'O(1) for each subcommand specified',
    summary: 'Performs arbitrary read-only bitfield integer operations on strings.', subcommands: [] },
  { name: 'bitop', arity: -4, flags: ['write', 'denyoom'], firstKey: 2, group: 'bitmap', since: '2.6.0', serverOnly: false,
    syntax: '<AND | OR | XOR | NOT> destkey key [key ...]', complexity: 'O(N)',
    summary: 'Performs bitwise operations on multiple strings, and stores the result.', subcommands: [] },
  { name: 'bitpos', arity: -3, flags: ['readonly'], firstKey: 1, group: 'bitmap', since: '2.8.7', serverOnly: false,
    syntax: 'key bit [start [end [BYTE | BIT]]]', complexity: 'O(N)',
    summary: 'Finds the first set (1) or clear (0) bit in a string.', subcommands: [] },
  { name: 'getbit', arity: 3, flags: ['readonly', 'fast'], firstKey: 1, group: 'bitmap', since: '2.2.0', serverOnly: false,
    syntax: 'key offset', complexity: 'O(1)',
    summary: 'Returns a bit value by offset.', subcommands: [] },
  { name: 'setbit', arity: 4, flags: ['write', 'denyoom'], firstKey: 1, group: 'bitmap', since: '2.2.0', serverOnly: false,
    syntax: 'key offset value', complexity: 'O(1)',
    summary: 'Sets or clears the bit at offset of the string value. Creates the key if it doesn\'t exist.', subcommands: [] },
];
