/** Any runtime and any bundler: the bytes stand in the module itself, a third larger than the file. */

import bytes from '#wasm-bytes';
import { provide } from '../module.js';

provide(() => bytes);

export * from '../index.js';
