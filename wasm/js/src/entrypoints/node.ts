/** Node: the file beside this one. */

import { readFileSync } from 'node:fs';
import { provide } from '../module.js';

provide(() => new Uint8Array(readFileSync(new URL('./sanderling.wasm', import.meta.url))));

export * from '../index.js';
