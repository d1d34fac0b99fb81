/**
 * What the suites about one replica stand on: an empty page that loads the npm package, a Chromium whose process can be
 * killed, and a network that accepts and swallows.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { chromiumPath } from './chromium.js';
import { PATIENCE_MS, until } from './harness.js';

/** The npm package as it was built. */
const DIST = process.env.SANDERLING_DIST ?? fileURLToPath(new URL('../../wasm/js/dist', import.meta.url));

const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.map': 'application/json' };

/** Serves the package and a page that does nothing but make `open` a global function. */
export class Site {
  static async start() {
    const site = new Site();
    site.server = createServer((request, response) => void site.answer(request.url, response));
    site.server.listen(0, '127.0.0.1');
    await once(site.server, 'listening');
    site.origin = `http://127.0.0.1:${site.server.address().port}`;
    return site;
  }

  async answer(url, response) {
    if (!url.startsWith('/dist/')) {
      response.setHeader('content-type', 'text/html');
      return response.end(
        `<!doctype html><title>${url}</title><script type="module">
           import { open } from '/dist/browser.js';
           globalThis.warnings = [];
           globalThis.openReplica = async (options) => {
             globalThis.db = await open(options);
             db.on('warning', ({ code, message }) => warnings.push(code + ' ' + message));
             globalThis.states = [];
             db.on('status', ({ state }) => { if (states.at(-1) !== state) states.push(state); });
           };
         </script>`,
      );
    }
    const bytes = await readFile(join(DIST, url.slice('/dist/'.length))).catch(() => undefined);
    response.statusCode = bytes ? 200 : 404;
    response.setHeader('content-type', TYPES[extname(url)] ?? 'text/plain');
    response.end(bytes);
  }

  async [Symbol.asyncDispose]() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A Chromium of our own with a profile that outlives it. */
export class Browser {
  static async start({ args = [], profile } = {}) {
    const browser = new Browser();
    browser.profile = profile ?? (await mkdtemp(join(tmpdir(), 'sanderling-profile-')));
    const bin = chromiumPath();
    await rm(join(browser.profile, 'DevToolsActivePort'), { force: true });
    const flags = [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      '--remote-debugging-port=0', `--user-data-dir=${browser.profile}`, ...args, 'about:blank',
    ];
    // A group of its own, so that its children go with it.
    browser.child = spawn(bin, flags, { stdio: 'ignore', detached: true });
    browser.ended = once(browser.child, 'exit');
    let port;
    await until('Chromium to start', async () => {
      [port] = (await readFile(join(browser.profile, 'DevToolsActivePort'), 'utf8')).split('\n');
      return port;
    });
    browser.playwright = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, { noDefaults: true });
    browser.context = browser.playwright.contexts()[0];
    return browser;
  }

  /** Opens a page of a site. */
  async page(url) {
    const page = await this.context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(url);
    await waitFor(page, () => globalThis.openReplica !== undefined);
    return page;
  }

  /** Kills all of it with SIGKILL. */
  async kill() {
    process.kill(-this.child.pid, 'SIGKILL');
    await this.ended;
    await this.playwright.close().catch(() => undefined);
  }

  async [Symbol.asyncDispose]() {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.kill();
    // The last of its children may still write.
    await rm(this.profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** A TCP proxy that can stop passing things on without closing anything. */
export class Proxy {
  /** `pass`, `swallow` (accepts and says nothing), or `page` (answers with a page, as captive networks do). */
  mode = 'pass';
  #sockets = new Set();

  static async start(port) {
    const proxy = new Proxy();
    proxy.server = createTcpServer((socket) => proxy.#accept(socket, port));
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    proxy.url = `ws://127.0.0.1:${proxy.server.address().port}/sync`;
    return proxy;
  }

  #accept(socket, port) {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    if (this.mode === 'page') return socket.end('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nlogin');
    if (this.mode === 'swallow') return socket.resume();
    const upstream = connect(port, '127.0.0.1');
    this.#sockets.add(upstream);
    upstream.on('error', () => socket.destroy());
    for (const [from, to] of [[socket, upstream], [upstream, socket]]) {
      from.on('data', (data) => this.mode === 'pass' && to.write(data));
      from.on('close', () => (this.mode === 'pass' ? to.destroy() : undefined));
    }
  }

  async [Symbol.asyncDispose]() {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
  }
}

/** Waits until something is so in a page, seen or not. */
export async function waitFor(page, isSo, value) {
  await page.waitForFunction(isSo, value, { polling: 20, timeout: PATIENCE_MS });
}

/** Waits until a page's replica is in a state. */
export async function becomes(page, state) {
  await waitFor(page, (state) => db.status.state === state, state);
}
