/** workerd and edge-light: the module arrives compiled, because compiling from bytes is forbidden there. */

import handle from './sanderling.wasm';
import { provide } from '../module.js';

provide(() => handle as WebAssembly.Module);

export * from '../index.js';
