/**
 * Where the compiled engine comes from.
 *
 * Every runtime hands a wasm module over in another way. Each file in entrypoints/ knows exactly one of them and
 * provides it here; the rest of the package awaits `engine()` and never asks where it runs.
 */

import init, * as bindings from '../pkg/sanderling.js';

/** The instantiated module. */
export interface Engine {
  /** The functions and classes that it exports. */
  readonly bindings: typeof bindings;
  /** Its memory. */
  readonly memory: WebAssembly.Memory;
}

/** What a runtime can hand over: a compiled module, its bytes, or the place to fetch it from. */
export type WasmInput = WebAssembly.Module | Uint8Array<ArrayBuffer> | URL;

/** Sets where the module comes from. The first call wins, as only one entry point is loaded in a program. */
export function provide(source: () => WasmInput | Promise<WasmInput>): void {
  load ??= source;
}

/** Returns the engine, compiled and instantiated once, on the first call. A failure is not kept: the next call tries again. */
export function engine(): Promise<Engine> {
  started ??= start().catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function start(): Promise<Engine> {
  if (!load) throw new Error('no wasm source: import the package by its name, not one of its inner files');
  const input = await load();
  // workerd refuses to compile from bytes but instantiates a module at once; the others stream or compile off-thread.
  const { memory } =
    input instanceof WebAssembly.Module
      ? bindings.initSync({ module: input })
      : await init({ module_or_path: input });
  return { bindings, memory };
}

let load: (() => WasmInput | Promise<WasmInput>) | undefined;
let started: Promise<Engine> | undefined;
