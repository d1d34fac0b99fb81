/** The server of a peer: a process of its own, which says where it listens, and ends with the measurement. */

import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVERS = fileURLToPath(new URL('../servers/', import.meta.url));

/** A running server. */
export class Server {
  #child;
  #folder;

  constructor(child, folder, url) {
    this.#child = child;
    this.#folder = folder;
    this.url = url;
  }

  /** Starts one: Node on a file of `servers/`, or Sanderling's binary in a folder of its own. */
  static async start(peer, { binary, data }) {
    const folder = await mkdtemp(join(data, 'sync-'));
    const own = ['serve', '--resp', '127.0.0.1:0', '--http', '127.0.0.1:0', '--dir', folder];
    const [program, args] =
      peer.server === 'sanderling' ? [binary, own] : [process.execPath, [join(SERVERS, peer.server)]];
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, SANDERLING_LOG: 'warn' } });
    const url = await new Promise((resolve, reject) => {
      let out = '';
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the server of ${peer.name} ended with ${code}`)));
      child.stdout.on('data', (bytes) => {
        out += bytes;
        const listening = /^http listening on (\S+)$/m.exec(out);
        if (listening) resolve(`ws://${listening[1]}${peer.path}`);
      });
    });
    return new Server(child, folder, url);
  }

  /** Returns the memory that it has, in bytes. */
  async memory() {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)[1]) * 1024;
  }

  /** Returns the processor time that it has used, in milliseconds. */
  async cpu() {
    const stat = await readFile(`/proc/${this.#child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Fields 14 and 15, in ticks, of which Linux reports a hundred a second.
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  /** Ends it and removes what it wrote. */
  async stop() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
    await rm(this.#folder, { recursive: true, force: true });
  }
}
