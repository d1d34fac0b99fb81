/**
 * Feeds traces, as `trace` wrote them, to the built wasm module, and compares all that comes out byte by byte.
 *
 * It calls the module's exports as `wasm/js/src/port.ts` does, and knows their layout from there.
 */

import { readFileSync } from 'node:fs';
import { __wbg_set_wasm, imports, Replica } from '../../wasm/js/pkg/sanderling_bg.js';

const module = new WebAssembly.Module(readFileSync(new URL('../../wasm/js/pkg/sanderling_bg.wasm', import.meta.url)));
const { exports } = new WebAssembly.Instance(module, { './sanderling_bg.js': imports });
__wbg_set_wasm(exports);
exports.__wbindgen_start();
const { memory } = exports;
const WORD = { outAddress: 2, outLength: 3, scratchAddress: 4, state: 6, pending: 7, seq: 8, bytesIn: 10, bytesOut: 12, timeout: 14, eventSeq: 18 };

/** The glob of all keys, packed. */
const EVERYTHING = Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 42]);

/** What a step does, in the order of the numbers. */
const OPS = [
  ['new', (step) => {
    replica?.free();
    replica = new Replica(Buffer.concat([step.input, EVERYTHING]), step.now, step.low, step.high);
  }],
  ['execute', (step) => [replica.execute(fill(step.input), step.now, step.low, step.high) ? 1 : 0, ...out()]],
  ['get', (step) => {
    replica.get(fill(step.input), step.now);
    return out();
  }],
  ['connected', (step) => void replica.connected(step.now, step.low, step.high)],
  ['disconnected', () => void replica.disconnected()],
  ['message', (step) => [replica.message(fill(step.input), step.now, step.low, step.high), ...out()]],
  ['timeout', (step) => [replica.timeout(step.now, step.low, step.high), ...out()]],
  ['drain', () => drain()],
  ['subscribe', (step) => u32(replica.subscribe(fill(step.input), step.number, step.now))],
  ['load', (step) => {
    for (let at = 0; at < step.input.length; ) {
      const keyBytes = view(step.input).getUint32(at, true);
      const key = step.input.subarray(at + 4, at + 4 + keyBytes);
      at += 4 + keyBytes;
      const valueBytes = view(step.input).getUint32(at, true);
      const value = step.input.subarray(at + 4, at + 4 + valueBytes);
      at += 4 + valueBytes;
      fill(Buffer.concat([key, value]));
      replica.stage(keyBytes, valueBytes);
    }
    return [replica.load() ? 1 : 0];
  }],
];

let replica;
let [steps, compared] = [0, 0];
for (const file of process.argv.slice(2)) replay(file);
console.log(`${process.argv.length - 2} traces, ${steps} steps, ${compared} bytes: wasm and native give the same`);

function replay(file) {
  const trace = readFileSync(file);
  let index = 0;
  for (let at = 0; at < trace.length; index += 1) {
    const [name, run] = OPS[trace[at]];
    const step = { now: trace.readDoubleLE(at + 1), low: trace.readUInt32LE(at + 9), high: trace.readUInt32LE(at + 13), number: trace.readUInt32LE(at + 17) };
    const inputEnd = at + 25 + trace.readUInt32LE(at + 21);
    step.input = trace.subarray(at + 25, inputEnd);
    const end = inputEnd + 4 + trace.readUInt32LE(inputEnd);
    const expected = trace.subarray(inputEnd + 4, end);
    const found = Buffer.from(run(step) ?? []);
    if (!found.equals(expected)) {
      console.error(`${file}: step ${index}, ${name}, differs\n in:     ${shown(step.input)}\n native: ${shown(expected)}\n wasm:   ${shown(found)}`);
      process.exit(1);
    }
    compared += found.length;
    steps += 1;
    at = end;
  }
}

/** All that there is to take out, in the order of the recorder. */
function drain() {
  const parts = [];
  while (replica.transmit()) parts.push(block(out()));
  for (let kind = replica.event(); kind !== 0; kind = replica.event()) {
    // Of these the recorder keeps nothing.
    if (kind > 6) continue;
    const hasNumber = kind > 2;
    parts.push([kind], hasNumber ? wide(WORD.eventSeq) : new Uint8Array(8), block(kind > 2 ? out() : []));
  }
  parts.push([replica.touched() ? 1 : 0], block(out()));
  while (replica.store()) parts.push(block(out()));
  replica.status();
  for (const word of [WORD.state, WORD.pending]) parts.push(u32(words()[word]), u32(0));
  for (const word of [WORD.seq, WORD.bytesIn, WORD.bytesOut, WORD.timeout]) parts.push(wide(word));
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)));
}

/** Puts bytes into the scratch buffer; returns how many. */
function fill(input) {
  replica.reserve(input.length);
  new Uint8Array(memory.buffer).set(input, words()[WORD.scratchAddress]);
  return input.length;
}

/** A copy of the out buffer. */
function out() {
  const at = words()[WORD.outAddress];
  return new Uint8Array(memory.buffer).slice(at, at + words()[WORD.outLength]);
}

function words() {
  return new Uint32Array(memory.buffer, replica.words(), 20);
}

function wide(word) {
  return Buffer.concat([u32(words()[word]), u32(words()[word + 1])]);
}

function u32(number) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

function block(content) {
  return Buffer.concat([u32(content.length), Uint8Array.from(content)]);
}

function view(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bytes(text) {
  return new TextEncoder().encode(text);
}

function shown(bytes) {
  return JSON.stringify(bytes.subarray(0, 400).toString('latin1'));
}
