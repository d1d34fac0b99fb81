/** A server that answers redis-cli with prepared replies, so that redis-cli itself says what is right. */

import { execFile } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';

/** What redis-cli printed, and the words of the calls that it sent. */
export interface Session {
  readonly printed: string;
  readonly calls: readonly Uint8Array[][];
}

/** Feeds lines to redis-cli; the server answers call number n with the n-th of `replies`, and then with `OK`. */
export async function redisCli(lines: string, replies: readonly string[]): Promise<Session> {
  const calls: Uint8Array[][] = [];
  const server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      for (;;) {
        const request = readRequest(received);
        if (!request) return;
        received = received.subarray(request.length);
        // What redis-cli asks on its own at the start is no call of ours.
        if (/^command$/i.test(Buffer.from(request.words[0] ?? []).toString('latin1'))) {
          socket.write('*0\r\n');
          continue;
        }
        socket.write(Buffer.from(replies[calls.length] ?? '+OK\r\n', 'latin1'));
        calls.push(request.words);
      }
    });
    socket.on('error', () => undefined);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const printed = await new Promise<string>((resolve, reject) => {
    const child = execFile('redis-cli', ['-p', String(port), '--no-raw'], { encoding: 'latin1', maxBuffer: 1 << 26 }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    child.stdin?.end(Buffer.from(lines, 'utf8'));
  });
  await new Promise((closed) => server.close(closed));
  return { printed, calls };
}

/** Reads one request from the front of the bytes; `undefined` while it is not whole. */
function readRequest(bytes: Buffer): { words: Uint8Array[]; length: number } | undefined {
  let at = 0;
  const number = (): number | undefined => {
    const end = bytes.indexOf('\r\n', at);
    if (end < 0) return undefined;
    const value = Number(bytes.toString('latin1', at + 1, end));
    at = end + 2;
    return value;
  };
  const count = number();
  if (count === undefined) return undefined;
  const words: Uint8Array[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = number();
    if (length === undefined || at + length + 2 > bytes.length) return undefined;
    words.push(Uint8Array.from(bytes.subarray(at, at + length)));
    at += length + 2;
  }
  return { words, length: at };
}
