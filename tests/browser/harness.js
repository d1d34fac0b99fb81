/**
 * What the suites stand on: the real server, redis-cli, Chromium, and a page as its user sees it.
 *
 * The server is `SANDERLING_BIN`, the built page `SANDERLING_WWW`, the browser `SANDERLING_CHROMIUM` or `CHROMIUM` or the
 * first on the search path. Nothing here sleeps: what is waited for is asked again until a deadline.
 */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { chromiumPath } from './chromium.js';

/** How long anything may take before it counts as not happening: loaded machines are slow. */
export const PATIENCE_MS = 30_000;

/** A server on a folder of its own, which outlives the process: starting again is a restart. */
export class Server {
  #folder;
  #child;
  #errors = '';
  #flags = [];
  /** The ports of the first start, kept for the next ones. */
  resp = 0;
  http = 0;

  /** Starts a server with some flags more. */
  static async start(...flags) {
    const server = new Server();
    server.#flags = flags;
    server.#folder = await mkdtemp(join(tmpdir(), 'sanderling-browser-'));
    await server.start();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.http}`;
  }

  /** Starts it, again if it was killed, and waits until it says where it listens. */
  async start() {
    const bin = process.env.SANDERLING_BIN;
    assert.ok(bin, 'SANDERLING_BIN names the server');
    const www = process.env.SANDERLING_WWW ?? fileURLToPath(new URL('../../www/dist', import.meta.url));
    const flags = ['--resp', `127.0.0.1:${this.resp}`, '--http', `127.0.0.1:${this.http}`, '--dir', this.#folder, '--www', www, ...this.#flags];
    const child = spawn(bin, ['serve', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#errors += text));
    const ended = new Promise((_, reject) =>
      child.once('exit', (code, signal) => reject(new Error(`the server ended with ${code ?? signal}:\n${this.#errors}`))),
    );
    // Whoever awaits the lines below hears of it; later nobody needs to.
    ended.catch(() => undefined);
    const listening = (async () => {
      const ports = {};
      for await (const line of createInterface({ input: child.stdout })) {
        const match = /^(resp|http) listening on .*:(\d+)$/.exec(line);
        if (match) ports[match[1]] = Number(match[2]);
        if (ports.resp && ports.http) return ports;
      }
      return ended;
    })();
    const { resp, http } = await Promise.race([listening, ended]);
    this.resp = resp;
    this.http = http;
  }

  /** Kills it with SIGKILL: it gets no chance to put anything in order. */
  async kill() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Kills it for good. */
  async [Symbol.asyncDispose]() {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Runs redis-cli and returns what it prints, without the line break at the end. Fails on an error reply. */
  async redisCli(...words) {
    const { stdout } = await promisify(execFile)('redis-cli', ['-e', '-p', String(this.resp), ...words]);
    return stdout.replace(/\n$/, '');
  }

  /** Feeds lines to redis-cli. */
  async redisCliLines(lines) {
    const child = spawn('redis-cli', ['-p', String(this.resp)], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.end(`${lines.join('\n')}\n`);
    assert.equal(await ended, 0);
  }
}

/** Starts Chromium. */
export function launch() {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** The page in a browser context, with what its user does and sees. */
export class Page {
  /** What went wrong in the page: exceptions, and what the browser forbade. */
  problems = [];

  constructor(page) {
    this.page = page;
    this.input = page.getByTestId('console-input');
    this.output = page.getByTestId('console-output');
    this.networkSwitch = page.getByTestId('network-switch');
    page.on('pageerror', (error) => this.problems.push(String(error)));
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) this.problems.push(message.text());
    });
  }

  /** Opens the page in a context and waits until its replica is there. */
  static async open(context, url) {
    const page = new Page(await context.newPage());
    page.page.setDefaultTimeout(PATIENCE_MS);
    await page.page.goto(url);
    await page.ready();
    return page;
  }

  async ready() {
    await this.page.waitForSelector('html[data-ready]', { state: 'attached' }).catch(async (cause) => {
      const shown = await this.page.locator('body').innerText({ timeout: 1000 }).catch(String);
      throw new Error(`the page isn't ready; problems: ${JSON.stringify(this.problems)}; it shows:\n${shown}`, { cause });
    });
  }

  /** Types a command and returns what the console prints below it. */
  async type(command) {
    await this.input.fill(command);
    await this.input.press('Enter');
    return this.output.locator('.entry').last().locator('.reply').last().innerText();
  }

  /** Waits until the sync panel shows a state. */
  async state(state) {
    await this.page.waitForSelector(`[data-testid=sync-state][data-state=${state}]`);
  }

  /** Waits until a key's row shows a value that contains `text`. */
  async shows(key, text) {
    const row = this.page.getByTestId('keys').locator(`[data-key="${key}"]`);
    await until(`${key} to show ${text}`, async () => (await row.locator('.preview').innerText()).includes(text));
  }

  /** Returns the number of writes that the server has not acknowledged. */
  async pending() {
    return Number(await this.page.getByTestId('sync-pending').getAttribute('data-value'));
  }

  /** Waits until the server has acknowledged everything, and the page says so: it is drawn a little later. */
  async settled() {
    await until('nothing to be pending', () => this.page.evaluate(() => globalThis.db.status.pending === 0));
    await until('the page to say so', async () => (await this.pending()) === 0);
  }

  /** Waits until what the replica holds is in the browser's storage. */
  async stored() {
    await this.page.evaluate(() => globalThis.db.stored());
  }

  /** Reads from the replica. */
  call(...words) {
    return this.page.evaluate((words) => globalThis.db.call(...words), words);
  }

  assertNoProblems() {
    assert.deepEqual(this.problems, []);
  }
}

/** Asks again until the answer is yes; a question that fails counts as no. */
export async function until(what, isSo) {
  const deadline = performance.now() + PATIENCE_MS;
  let failure;
  for (let wait = 5; performance.now() < deadline; wait = Math.min(wait * 2, 200)) {
    try {
      if (await isSo()) return;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    await pause(wait);
  }
  throw new Error(`waited in vain for ${what}`, { cause: failure });
}

/** Returns the value below which a share of the values lie. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
