/** Deno: a source-phase import, which needs no permission flag. */

import handle from './deno-module.js';
import { provide } from '../module.js';

provide(() => handle);

export * from '../index.js';
