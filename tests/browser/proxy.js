/**
 * A TCP proxy in front of the server that harms what passes through, as its seed says.
 *
 * Each connection that opens a WebSocket gets a fate of its own; page loads pass unharmed. A fate may
 *
 * - delay each piece of bytes, in order,
 * - cut the connection after so many bytes, mostly in the middle of a frame,
 * - swallow what passes in one direction or both from some moment on, as a captive network does, and cut later.
 */

import { createServer, connect } from 'node:net';
import { once } from 'node:events';
import { Random } from './random.js';

export class Proxy {
  /** What has been done, to see that something was. */
  harm = { connections: 0, cuts: 0, truncated: 0, swallowed: 0, delayed: 0, refused: 0 };

  #random;
  #target;
  #server;
  #harms = false;
  #pairs = new Set();

  /** Starts a proxy in front of the port that `target` returns. */
  static async start(target, seed) {
    const proxy = new Proxy();
    proxy.#random = new Random(seed);
    proxy.#target = target;
    proxy.#server = createServer({ noDelay: true }, (socket) => proxy.#accept(socket));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Begins to harm new connections, and cuts those that there are. */
  harmAll() {
    this.#harms = true;
    this.cutAll();
  }

  /** Harms nothing from now on, and cuts what was harmed. */
  calm() {
    this.#harms = false;
    this.cutAll();
  }

  /** Cuts every WebSocket. */
  cutAll() {
    for (const pair of this.#pairs) pair.cut();
  }

  async [Symbol.asyncDispose]() {
    this.cutAll();
    this.#server.close();
    this.#server.closeAllConnections?.();
  }

  #accept(client) {
    client.on('error', () => client.destroy());
    client.once('data', (first) => {
      client.pause();
      const isSync = first.subarray(0, 9).toString('latin1') === 'GET /sync';
      if (isSync) this.harm.connections += 1;
      const fate = isSync && this.#harms ? this.#draw() : CALM;
      if (fate.refuse) {
        this.harm.refused += 1;
        client.destroy();
        return;
      }
      this.#join(client, first, fate, isSync);
    });
  }

  #draw() {
    const random = this.#random;
    const fate = { ...CALM, delayMs: random.pick([0, 0, 1, 5, 20, 60]) };
    const kind = random.below(10);
    if (kind === 0) fate.refuse = true;
    // Enough to say hello and to be told some things; powers of two, so that small numbers are as likely as large ones.
    else if (kind < 6) fate.cutAfterBytes = 200 + random.below(2 ** (6 + random.below(12)));
    else if (kind < 8) {
      fate.swallow = random.pick(['up', 'down', 'both']);
      fate.swallowAfterMs = 200 + random.below(2000);
      fate.cutAfterMs = fate.swallowAfterMs + 200 + random.below(2500);
    } else fate.cutAfterMs = 500 + random.below(4000);
    return fate;
  }

  #join(client, first, fate, isSync) {
    const server = connect({ host: '127.0.0.1', port: this.#target(), noDelay: true });
    const timers = new Set();
    const after = (ms, act) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        act();
      }, ms);
      timers.add(timer);
    };
    let bytes = 0;
    const pair = {
      swallowing: '',
      cut: () => {
        if (client.destroyed && server.destroyed) return;
        if (isSync && fate !== CALM) this.harm.cuts += 1;
        for (const timer of timers) clearTimeout(timer);
        client.destroy();
        server.destroy();
        this.#pairs.delete(pair);
      },
    };
    if (isSync) this.#pairs.add(pair);
    const pass = (to, direction) => (chunk) => {
      if (pair.swallowing === 'both' || pair.swallowing === direction) return;
      bytes += chunk.length;
      const over = bytes - fate.cutAfterBytes;
      const passed = over > 0 ? chunk.subarray(0, chunk.length - over) : chunk;
      const send = () => {
        if (!to.destroyed && passed.length > 0) to.write(passed);
        if (over <= 0) return;
        this.harm.truncated += 1;
        // What was written has to leave before the end does.
        to.end(() => pair.cut());
      };
      if (fate.delayMs === 0) return send();
      this.harm.delayed += 1;
      // Equal waits keep their order.
      after(fate.delayMs, send);
    };
    client.on('data', pass(server, 'up'));
    server.on('data', pass(client, 'down'));
    server.on('error', () => pair.cut());
    for (const socket of [client, server]) socket.once('close', () => pair.cut());
    if (fate.swallow) {
      after(fate.swallowAfterMs, () => {
        this.harm.swallowed += 1;
        pair.swallowing = fate.swallow;
      });
    }
    if (fate.cutAfterMs < Infinity) after(fate.cutAfterMs, () => pair.cut());
    pass(server, 'up')(first);
    client.resume();
  }
}

const CALM = { refuse: false, delayMs: 0, cutAfterBytes: Infinity, cutAfterMs: Infinity, swallow: '', swallowAfterMs: 0 };
