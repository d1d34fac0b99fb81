/** Browsers and their bundlers: a URL relative to this file, which every bundler recognises and carries along. */

import { provide } from '../module.js';

provide(() => new URL('./sanderling.wasm', import.meta.url));

export * from '../index.js';
