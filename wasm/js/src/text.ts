/**
 * Strings to UTF-8 and back, in views of the engine's memory.
 *
 * Crossing is the price of a call, so both ways have a loop for short ASCII, which is what keys and most values are;
 * `TextEncoder` and `TextDecoder` cost more to enter than such a string takes. Half of a surrogate pair, which UTF-8
 * cannot express, becomes U+FFFD as everywhere in the platform.
 */

/** Writes a string at `at` and returns the position behind it. There must be room for three bytes a code unit. */
export function writeText(bytes: Uint8Array, at: number, text: string): number {
  const length = text.length;
  if (length <= LOOP_WRITE_MAX) {
    let index = 0;
    for (; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) break;
      bytes[at + index] = code;
    }
    if (index === length) return at + length;
  }
  return at + encoder.encodeInto(text, bytes.subarray(at)).written;
}

/** Reads the string between two positions. Bytes that are not UTF-8 become U+FFFD. */
export function readText(bytes: Uint8Array, from: number, to: number): string {
  const length = to - from;
  if (length <= LOOP_READ_MAX) {
    const codes = new Array<number>(length);
    let index = 0;
    for (; index < length; index++) {
      const code = bytes[from + index]!;
      if (code > 0x7f) break;
      codes[index] = code;
    }
    if (index === length) return String.fromCharCode.apply(null, codes);
  }
  return decoder.decode(bytes.subarray(from, to));
}

/** Encodes a string into bytes of its own. */
export function encodeText(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Tells whether a string survives the way to UTF-8 and back. */
export function isWellFormed(text: string): boolean {
  return !LONE_SURROGATE.test(text);
}

/** Up to this many code units the loop is faster than `encodeInto`; measured in Node and Chromium. */
const LOOP_WRITE_MAX = 96;
/** Up to this many bytes the loop is faster than a `TextDecoder`, likewise. */
const LOOP_READ_MAX = 32;
/** With the flag `u` a proper pair is one character and does not match. */
const LONE_SURROGATE = /\p{Surrogate}/u;

const encoder = new TextEncoder();
// Without `ignoreBOM` a value that begins with U+FEFF would lose it.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
