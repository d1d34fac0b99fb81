/** Bun: an import of type `file`, which its bundler and `--compile` carry along. */

import path from './sanderling.wasm' with { type: 'file' };
import { readFileSync } from 'node:fs';
import { provide } from '../module.js';
import { platform } from '../platform.js';
import { openDirectory } from '../storage/directory.js';

// Relative in what `bun build` writes, and absolute otherwise.
provide(() => new Uint8Array(readFileSync(new URL(path as string, import.meta.url))));
platform.directory = openDirectory;

export * from '../index.js';
