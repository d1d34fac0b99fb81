/**
 * A replica in the built wasm module, called as `wasm/js/src/port.ts` calls it: bytes into the scratch buffer, a call,
 * bytes out of the out buffer.
 *
 * It has no server and never hears of one. Nothing here knows of sockets.
 */

import { readFileSync } from 'node:fs';
import { __wbg_set_wasm, imports, Replica } from '../../../wasm/js/pkg/sanderling_bg.js';

const bytes = readFileSync(new URL('../../../wasm/js/pkg/sanderling_bg.wasm', import.meta.url));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { './sanderling_bg.js': imports });
__wbg_set_wasm(exports);
exports.__wbindgen_start();
const { memory } = exports;

/** Where the engine's words stand; see `wasm/js/src/crossing.ts`. */
const WORD = { outAddress: 2, outLength: 3, scratchAddress: 4 };
const WORD_COUNT = 24;
/** The glob of all keys, packed. */
const EVERYTHING = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 42]);

/** One database. */
export class Database {
  #replica = new Replica(Buffer.concat([crypto.getRandomValues(new Uint8Array(16)), EVERYTHING]), Date.now(), random(), random());
  #version = 3;
  /** The connection whose watched keys the replica's one session has. */
  watcher;

  /** Runs a call and returns its reply as the engine writes it in this version of RESP. */
  run(words, version = 3) {
    if (version !== this.#version) this.#replica.speak((this.#version = version));
    this.#replica.execute(this.#fill(words), Date.now(), random(), random());
    const reply = this.#out();
    // What has changed is of no interest to anybody here, but would be kept until it is asked for.
    this.#replica.touched();
    return reply;
  }

  /** The value of a setting of the engine, as a text; of `[name, value]` the new one. */
  setting(words) {
    return this.#replica.setting(this.#fill(words)) ? this.#out().toString() : undefined;
  }

  /** Gives the memory back. */
  free() {
    this.#replica.free();
  }

  #fill(words) {
    const call = packed(words);
    this.#replica.reserve(call.length);
    new Uint8Array(memory.buffer).set(call, this.#words()[WORD.scratchAddress]);
    return call.length;
  }

  #out() {
    const at = this.#words()[WORD.outAddress];
    return Buffer.from(memory.buffer.slice(at, at + this.#words()[WORD.outLength]));
  }

  #words() {
    return new Uint32Array(memory.buffer, this.#replica.words(), WORD_COUNT);
  }
}

function packed(words) {
  const call = Buffer.alloc(words.reduce((sum, word) => sum + 4 + word.length, 4));
  let at = call.writeUInt32LE(words.length);
  for (const word of words) {
    at = call.writeUInt32LE(word.length, at);
    at += word.copy(call, at);
  }
  return call;
}

function random() {
  return Math.floor(Math.random() * 2 ** 32);
}
