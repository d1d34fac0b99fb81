/**
 * Where the compiled engine comes from.
 *
 * Every runtime hands a wasm module over in another way. Each file in entrypoints/ knows exactly one of them and
 * provides it here; the rest of the package awaits `engine()` and never asks where it runs.
 */

import { __wbg_set_wasm, about, imports, Replica } from '../pkg/sanderling_bg.js';

/** The instantiated module. */
export interface Engine {
  /** A replica in it. */
  readonly Replica: typeof Replica;
  readonly version: string;
  /** The commands that a replica offers. */
  readonly commandNames: readonly string[];
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
  const { exports } = await instantiate(await load());
  __wbg_set_wasm(exports);
  const { memory, __wbindgen_start: begin } = exports as { memory: WebAssembly.Memory; __wbindgen_start: () => void };
  begin();
  const [version, ...commandNames] = about().split(' ');
  return { Replica, version: version!, commandNames, memory };
}

async function instantiate(input: WasmInput): Promise<WebAssembly.Instance> {
  // workerd refuses to compile from bytes but instantiates a module at once; the others stream or compile off-thread.
  if (input instanceof WebAssembly.Module) return new WebAssembly.Instance(input, IMPORTS);
  if (!(input instanceof URL)) return (await WebAssembly.instantiate(input, IMPORTS)).instance;
  const response = await fetch(input);
  if (!response.ok) throw new Error(`the engine cannot be loaded: ${input.href} answers ${response.status}`);
  // Only what is said to be wasm may be compiled while it comes.
  const isStream = response.headers.get('content-type')?.startsWith('application/wasm');
  const source = isStream ? WebAssembly.instantiateStreaming(response, IMPORTS) : WebAssembly.instantiate(await response.arrayBuffer(), IMPORTS);
  return (await source).instance;
}

/** What the module imports, all of it from its glue. */
const IMPORTS = { './sanderling_bg.js': imports };

let load: (() => WasmInput | Promise<WasmInput>) | undefined;
let started: Promise<Engine> | undefined;
