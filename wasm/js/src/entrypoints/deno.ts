/** Deno: a source-phase import, which needs no permission flag. */

import handle from './deno-module.js';
import { provide } from '../module.js';
import { platform } from '../platform.js';
import { openDirectory } from '../storage/directory.js';

provide(() => handle);
platform.directory = openDirectory;

export * from '../index.js';
