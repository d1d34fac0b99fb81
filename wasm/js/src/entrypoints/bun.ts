/** Bun: an import of type `file`, which its bundler and `--compile` carry along. */

import path from './sanderling.wasm' with { type: 'file' };
import { readFileSync } from 'node:fs';
import { provide } from '../module.js';
import { platform } from '../platform.js';

<<<<<<< HEAD
provide(() => new Uint8Array(readFileSync(path as string)));
platform.directory = async (...args) => (await import('../storage/directory.js')).openDirectory(...args);
=======
// Relative in what `bun build` writes, and absolute otherwise.
provide(() => new Uint8Array(readFileSync(new URL(path as string, import.meta.url))));
>>>>>>> 8c0bb84 (Find the wasm beside what bun build writes)

export * from '../index.js';
