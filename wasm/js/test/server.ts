/** The real server for tests, and just enough of RESP to ask it. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { SanderlingError } from '../src/errors.js';
import { readReply, type Reply } from '../src/reply.js';

/** Where the server's binary is; without it these tests have nothing to test. */
export const BINARY = process.env['SANDERLING_BIN'];

/** A running server, with a directory of its own. */
export class Server {
  resp = '';
  http = '';
  #process: ChildProcess | undefined;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #arrived: (() => void) | undefined;

  private constructor(
    readonly directory: string,
    readonly args: readonly string[],
  ) {}

  static async start(t: TestContext, ...args: string[]): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), 'sanderling-server-')), args);
    t.after(async () => {
      await server.kill();
      await rm(server.directory, { recursive: true, force: true });
    });
    await server.run('127.0.0.1:0', '127.0.0.1:0');
    return server;
  }

  /** The address for replicas. */
  get url(): string {
    return `ws://${this.http}/sync`;
  }

  /** Starts it again where it was, on the data that it left. */
  async restart(): Promise<void> {
    await this.run(this.resp, this.http);
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.#socket?.destroy();
    this.#socket = undefined;
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Runs a command on the server. */
  async call(...words: (string | number)[]): Promise<Reply> {
    if (!this.#socket) {
      const [host, port] = this.resp.split(':');
      this.#socket = connect(Number(port), host);
      this.#socket.on('data', (data) => {
        this.#received = Buffer.concat([this.#received, data]);
        this.#arrived?.();
      });
      this.#received = Buffer.alloc(0);
      await once(this.#socket, 'connect');
      await this.call('HELLO', 3);
    }
    const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`);
    // One command at a time is under way: what has come is its reply once it can be read whole.
    for (;;) {
      const reply = this.#tryRead();
      if (reply !== undefined) return reply;
      await new Promise<void>((resolve) => (this.#arrived = resolve));
    }
  }

  #tryRead(): Reply | undefined {
    const bytes = new Uint8Array(this.#received);
    if (!endsWhole(bytes)) return undefined;
    this.#received = Buffer.alloc(0);
    return readReply(bytes, 0, false);
  }

  private async run(resp: string, http: string): Promise<void> {
    assert.ok(BINARY);
    const args = ['serve', '--resp', resp, '--http', http, '--dir', this.directory, '--fsync', 'always', ...this.args];
    const child = (this.#process = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    let out = '';
    let errors = '';
    child.stderr!.on('data', (data) => (errors += data));
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${errors}`)));
      child.stdout!.on('data', (data) => {
        out += data;
        this.resp = /^resp listening on (\S+)/m.exec(out)?.[1] ?? '';
        this.http = /^http listening on (\S+)/m.exec(out)?.[1] ?? '';
        if (this.resp && this.http) resolve();
      });
    });
  }
}

/** Tells whether the bytes hold a whole reply: the reader throws where one is cut short. */
function endsWhole(bytes: Uint8Array): boolean {
  if (bytes.length < 3 || bytes[bytes.length - 1] !== 0x0a) return false;
  try {
    // A string that is cut short is read without complaint, so its length is checked on the way back.
    return encodedLength(bytes) <= bytes.length;
  } catch (error) {
    if (error instanceof SanderlingError) return false;
    throw error;
  }
}

function encodedLength(bytes: Uint8Array): number {
  const text = Buffer.from(bytes).toString('latin1');
  let at = 0;
  const skip = (): void => {
    const end = text.indexOf('\r\n', at);
    if (end < 0) throw new SanderlingError('ENGINE', 'cut short');
    const kind = text[at]!;
    const count = Number(text.slice(at + 1, end));
    at = end + 2;
    if ('$='.includes(kind)) at += count + 2;
    else if ('*~>'.includes(kind)) for (let index = 0; index < count; index++) skip();
    else if (kind === '%') for (let index = 0; index < 2 * count; index++) skip();
  };
  skip();
  return at;
}
