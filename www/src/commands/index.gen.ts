/**
 * The command table with its documentation, for completion and for the help of the console.
 *
 * Generated from the command table by `cargo xtask codegen`: do not edit.
 */

import { ROWS as bitmap } from './bitmap.gen.js';
import { ROWS as connection } from './connection.gen.js';
import { ROWS as generic } from './generic.gen.js';
import { ROWS as geo } from './geo.gen.js';
import { ROWS as hash } from './hash.gen.js';
import { ROWS as hyperloglog } from './hyperloglog.gen.js';
import { ROWS as list } from './list.gen.js';
import { ROWS as pubsub } from './pubsub.gen.js';
import { ROWS as scripting } from './scripting.gen.js';
import { ROWS as server } from './server.gen.js';
import { ROWS as set } from './set.gen.js';
import { ROWS as sortedSet } from './sorted-set.gen.js';
import { ROWS as stream } from './stream.gen.js';
import { ROWS as string } from './string.gen.js';
import { ROWS as transactions } from './transactions.gen.js';
import type { CommandRow } from './row.js';

/** All rows, in order of name. */
export const COMMANDS: readonly CommandRow[] = [
  ...bitmap,
  ...connection,
  ...generic,
  ...geo,
  ...hash,
  ...hyperloglog,
  ...list,
  ...pubsub,
  ...scripting,
  ...server,
  ...set,
  ...sortedSet,
  ...stream,
  ...string,
  ...transactions,
].sort((one, other) => (one.name < other.name ? -1 : 1));
