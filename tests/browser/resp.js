/** A RESP2 client of a few lines, so that what it is told doesn't depend on anybody's reconnecting. */

import { connect } from 'node:net';

export class Resp {
  #socket;
  #rest = Buffer.alloc(0);
  #waiting = [];

  /** Opens a connection; rejects if there is no server. */
  static open(port) {
    return new Promise((resolve, reject) => {
      const client = new Resp();
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(client));
      client.#socket = socket;
      socket.on('data', (chunk) => client.#take(chunk));
      socket.on('error', reject);
      socket.on('close', () => {
        for (const { reject } of client.#waiting.splice(0)) reject(new Error('the connection is gone'));
      });
    });
  }

  /** Runs a command. An error reply is an `Error` in the result; a lost connection rejects. */
  call(...words) {
    if (this.#socket.destroyed) return Promise.reject(new Error('the connection is gone'));
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close() {
    this.#socket.destroy();
  }

  #take(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let read = readValue(this.#rest, 0); read; read = readValue(this.#rest, 0)) {
      this.#rest = this.#rest.subarray(read.end);
      this.#waiting.shift().resolve(read.value);
    }
  }
}

/** Reads a value; nothing, if it is not whole yet. */
function readValue(bytes, at) {
  const line = bytes.indexOf('\r\n', at);
  if (line < 0) return undefined;
  const text = bytes.toString('utf8', at + 1, line);
  const kind = String.fromCharCode(bytes[at]);
  let end = line + 2;
  if (kind === '+') return { value: text, end };
  if (kind === '-') return { value: new Error(text), end };
  if (kind === ':') return { value: Number(text), end };
  const length = Number(text);
  if (length < 0) return { value: null, end };
  if (kind === '$') {
    if (bytes.length < end + length + 2) return undefined;
    return { value: bytes.toString('utf8', end, end + length), end: end + length + 2 };
  }
  const value = [];
  for (let index = 0; index < length; index += 1) {
    const read = readValue(bytes, end);
    if (!read) return undefined;
    value.push(read.value);
    end = read.end;
  }
  return { value, end };
}
