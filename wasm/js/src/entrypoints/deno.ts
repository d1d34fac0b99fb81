/** Deno: a source-phase import, which needs no permission flag. */

import handle from './deno-module.js';
import { provide } from '../module.js';
import { platform } from '../platform.js';

provide(() => handle);
platform.directory = async (...args) => (await import('../storage/directory.js')).openDirectory(...args);

export * from '../index.js';
